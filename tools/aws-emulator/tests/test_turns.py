"""Who still waits for an answer."""

import fcntl
import resource
import socket
import unittest

from aws_emulator import turns

BEYOND_SELECT = 1500


class Callers(unittest.TestCase):
    def test_the_1500th_connection_is_seen_to_be_there_and_to_go(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, BEYOND_SELECT + 100), hard))
        ours, theirs = socket.socketpair()
        far = socket.socket(fileno=fcntl.fcntl(ours, fcntl.F_DUPFD, BEYOND_SELECT))
        self.addCleanup(turns.called_by, None)
        with ours, far, theirs:
            turns.called_by(far)
            self.assertFalse(turns.caller_is_gone())
            theirs.close()
            self.assertTrue(turns.caller_is_gone())

