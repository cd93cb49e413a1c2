"""The command line: `python -m aws_emulator --port 0 --port-file FILE`.

Applies the corrections, loads what the first request would otherwise wait for, listens, and only then writes the
port to FILE: who sees the file can connect. SIGTERM and SIGINT end the process at once; all state goes with it.
"""

import argparse
import logging
import os
import signal
import sys


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m aws_emulator", description="AWS on this machine, for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (default): a free port, chosen by the kernel")
    parser.add_argument("--port-file", help="gets the port as soon as the server listens")
    parser.add_argument("--verbose", action="store_true", help="one line a request to stderr")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="CORRECTION",
        help="leave a correction out, by its name in README.md (repeatable)",
    )
    parser.add_argument("--corrections", action="store_true", help="list the corrections and exit")
    return parser.parse_args()


def write_atomically(path: str, text: str) -> None:
    """A reader sees the whole text or no file."""
    draft = f"{path}.{os.getpid()}"
    with open(draft, "w", encoding="ascii") as file:
        file.write(text)
    os.replace(draft, path)


def main() -> None:
    args = arguments()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")

    # Not before the arguments are read: importing moto takes a second.
    from . import corrections, server

    if args.corrections:
        print(corrections.table())
        return
    server.prepare(args.without)
    listening = server.listen(args.host, args.port, verbose=args.verbose)
    if args.port_file:
        write_atomically(args.port_file, f"{listening.port}\n")
    print(f"AWS emulator listens on http://{args.host}:{listening.port}", file=sys.stderr, flush=True)
    listening.serve_forever()


if __name__ == "__main__":
    main()
