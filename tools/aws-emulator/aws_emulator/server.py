"""The socket: HTTP/1.1 with keep-alive and no Nagle delay, one thread a connection.

Werkzeug's own handler closes the connection after each answer; every SDK keeps its connections, and tests make
thousands of calls, so the handler here doesn't. What is answered is the gateway's business, not this module's.
"""

import sys
import warnings
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from . import corrections, interfaces, speed
from .gateway import Gateway

PRELOADED = ("ec2", "sts", "iam", "securityhub", "events", "sqs")


class Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer leaves as one segment: with Nagle's algorithm, headers and body apart cost 40 ms on a kept connection.
    disable_nagle_algorithm = True
    wbufsize = -1

    verbose = False

    def run_wsgi(self) -> None:
        """Answers one request. The gateway has read the whole body by then, so that the next one starts cleanly."""
        self.environ = self.make_environ()
        answer: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            answer["status"], answer["headers"] = status, headers

        try:
            body = b"".join(self.server.app(self.environ, start_response))
        except ConnectionResetError:
            # A fault of kind "drop": the client sees the connection end without an answer.
            self.close_connection = True
            self.log_request("dropped")
            return
        code, _, reason = answer["status"].partition(" ")
        self.send_response(int(code), reason)
        for name, value in answer["headers"]:
            if name.lower() not in ("server", "date", "connection"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if self.verbose:
            action = getattr(self, "environ", {}).get("aws_emulator.action", "")
            print(self.command, self.path, action, code, file=sys.stderr, flush=True)

    def log(self, type: str, message: str, *args: Any) -> None:
        if type == "error":
            print(message % args, file=sys.stderr, flush=True)


def prepare(without: list[str]) -> None:
    """Changes moto's classes, once per process and before the first request."""
    # moto warns of each error code that the service's model doesn't name; EC2's and STS's models name hardly any.
    warnings.filterwarnings("ignore", message=".*does not match an error shape.*")
    speed.up()
    corrections.apply(without)
    interfaces.watch_changes()


def listen(host: str, port: int, verbose: bool = False) -> BaseWSGIServer:
    """Binds and listens; port 0 lets the kernel choose, `.port` of the answer tells which it took."""
    gateway = Gateway()
    gateway.preload(PRELOADED)
    handler = type("Handler", (Handler,), {"verbose": verbose})
    server = make_server(host, port, gateway, threaded=True, request_handler=handler)
    server.socket.listen(128)
    return server
