"""Speaks TLS on a port of loopback, and hands what is in it on to another: certificate, key, where to, file for the port."""

import contextlib
import socket
import ssl
import sys
import threading

certificate, key, onward, port_file = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
listener = socket.create_server(("127.0.0.1", 0))


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def serve(raw):
    with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as near:
        with socket.create_connection(("127.0.0.1", int(onward))) as far:
            back = threading.Thread(target=pump, args=(far, near), daemon=True)
            back.start()
            pump(near, far)
            back.join()


with open(port_file, "w") as told:
    told.write(str(listener.getsockname()[1]))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
