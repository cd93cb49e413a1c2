"""An AWS endpoint on this machine: moto's server, corrected where this project leans on it.

The way of a request:

    server    the socket: HTTP/1.1 with keep-alive, one thread a connection
    gateway   the order of things: admin API, faults, throttles, access, moto, the log of calls
    moto      the answer, with `corrections` applied to its classes at start

Nothing here knows the operator. What rests on moto and what on us stands in README.md.
"""
