"""Whose turn it is, and who still waits for an answer."""

import fcntl
import resource
import socket
import threading
import time
import unittest

from aws_emulator import turns

BEYOND_SELECT = 1500


class Turns(unittest.TestCase):
    def test_an_account_with_many_calls_keeps_no_other_one_out_and_each_calls_in_their_order(self) -> None:
        lock, served = turns.FairLock(), []
        lock.acquire()
        calls = [("busy", 1), ("busy", 2), ("busy", 3), ("other", 1), ("third", 1)]
        threads = []
        for count, (account, number) in enumerate(calls, 1):
            threads.append(threading.Thread(target=self.serve, args=(lock, served, account, number)))
            threads[-1].start()
            while sum(map(len, lock.waiting.values())) < count:
                time.sleep(0.001)
        self.assertFalse(lock.acquire(blocking=False))
        lock.release()
        for thread in threads:
            thread.join()
        self.assertEqual(served, [("busy", 1), ("other", 1), ("third", 1), ("busy", 2), ("busy", 3)])
        self.assertTrue(lock.acquire(blocking=False), "nobody holds it")

    @staticmethod
    def serve(lock: turns.FairLock, served: list[tuple[str, int]], account: str, number: int) -> None:
        turns.turn.account = account
        with lock:
            served.append((account, number))


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

