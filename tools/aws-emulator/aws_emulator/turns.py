"""Whose turn it is in moto: one call at a time, one account after the other, and who waits for a message lets the
others go first.

The state of moto is global and made for one thread. Hundreds of calls that one account makes at once would keep all
others out for seconds, which is longer than a client waits; AWS, too, bounds what an account may take. A call that
waits 20 seconds for a message would keep everybody out, so it gives the turn back while it waits, and is woken by
whoever changed a queue.
"""

import select
import socket
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any


class Turn(threading.local):
    """Of this thread: the account whose call it answers, or none."""

    account = ""


class FairLock:
    """A lock that, given back, is the next account's which waits, whichever of its calls came first."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.taken = False
        self.waiting: OrderedDict[str, deque[threading.Lock]] = OrderedDict()

    def acquire(self, blocking: bool = True) -> bool:
        with self.guard:
            if not self.taken:
                self.taken = True
                return True
            if not blocking:
                return False
            mine = threading.Lock()
            mine.acquire()
            self.waiting.setdefault(turn.account, deque()).append(mine)
        # Whoever gives the lock back gives it to this thread: it stays taken.
        return mine.acquire()

    def release(self) -> None:
        with self.guard:
            if not self.waiting:
                self.taken = False
                return
            account, calls = self.waiting.popitem(last=False)
            calls.popleft().release()
            if calls:
                self.waiting[account] = calls

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *raised: object) -> None:
        self.release()


turn = Turn()
LOCK = FairLock()
CHANGED = threading.Condition(LOCK)
"""Notified, with the turn held, when a message came, or became visible before its time."""

LOOK_AGAIN = 0.25
"""Seconds after which a waiting call looks whether its caller is still there, and whether a time-out has passed."""

waiting = 0
"""How many calls wait at the moment."""

_present = threading.local()


def called_by(connection: socket.socket | None) -> None:
    """Says which connection this thread answers now."""
    _present.connection = connection


def caller_is_gone() -> bool:
    """Whether the client has closed the connection that this thread answers."""
    connection: Any = getattr(_present, "connection", None)
    if connection is None:
        return False
    try:
        # Not select(): it knows no file descriptor beyond 1023, and each connection of a burst has one.
        readable = select.poll()
        readable.register(connection, select.POLLIN)
        return bool(readable.poll(0)) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    """Asks `done`, with the turn held, until it says yes, the time is over or the caller has gone. The turn is given
    back in between."""
    global waiting
    deadline = time.monotonic() + seconds
    waiting += 1
    try:
        while not caller_is_gone():
            if done():
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            CHANGED.wait(min(left, LOOK_AGAIN))
        return False
    finally:
        waiting -= 1
