"""The command line, the connection, and the scenario command: what others start and call."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from aws_emulator import corrections

from . import harness
from .harness import eventually

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class CommandLine(unittest.TestCase):
    def test_the_port_file_appears_when_it_listens_and_sigterm_ends_it(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            port_file = os.path.join(folder, "port")
            command = [sys.executable, "-m", "aws_emulator", "--port", "0", "--port-file", port_file]
            process = subprocess.Popen(command, cwd=HERE, stderr=subprocess.PIPE, text=True)
            try:
                self.assertTrue(eventually(lambda: os.path.exists(port_file), seconds=30))
                with open(port_file, encoding="ascii") as file:
                    port = int(file.read())
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/_emulator/health")
                self.assertEqual(connection.getresponse().status, 200)
                connection.close()
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(timeout=5), 0)
                self.assertLess(time.monotonic() - began, 1)
                self.assertEqual(process.stderr.read().count("\n"), 1, "quiet: only the line that it listens")
            finally:
                process.kill()
                process.stderr.close()

    def test_the_table_in_the_readme_is_the_one_of_the_code(self) -> None:
        with open(os.path.join(HERE, "README.md"), encoding="utf-8") as file:
            self.assertIn(corrections.table(), file.read())


class Connection(harness.Case):
    def test_a_connection_is_kept_and_answers_at_once(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.emulator.port, timeout=5)
        self.addCleanup(connection.close)
        connection.connect()
        kept = connection.sock
        took = []
        for _ in range(20):
            began = time.monotonic()
            connection.request("GET", "/_emulator/health")
            answer = connection.getresponse()
            answer.read()
            took.append(time.monotonic() - began)
            self.assertIs(connection.sock, kept)
        self.assertEqual(answer.version, 11)
        self.assertLess(min(took), 0.03, "40 ms would be Nagle's algorithm")

    def test_an_unknown_action_is_refused_and_does_not_end_the_server(self) -> None:
        status, body = self.emulator.query(Action="DescribeNothing")
        self.assertEqual((status, re.search("<Code>(.*?)</Code>", body)[1]), (400, "InvalidAction"))
        self.assertEqual(self.emulator.admin("GET", "health")["status"], "ok")


class Scenario(harness.Case):
    def run_scenario(self, *args: str) -> dict:
        command = [sys.executable, "-m", "aws_emulator.scenario", *args, "--endpoint-url", self.emulator.url]
        return json.loads(subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True).stdout)

    def test_an_instance_with_two_interfaces_drifts(self) -> None:
        made = self.run_scenario("two-interfaces")
        self.assertEqual(made["region"], "eu-central-1")
        first, second = made["interfaces"]
        self.assertEqual((len(first["groups"]), len(second["groups"])), (2, 1))
        self.run_scenario("drift", "--interface-id", second["id"], "--groups", ",".join(first["groups"]))
        shown = self.run_scenario("show", "--instance-id", made["instanceId"])["interfaces"]
        self.assertEqual([one["id"] for one in shown], [first["id"], second["id"]])
        self.assertEqual(sorted(group["id"] for group in shown[1]["groups"]), sorted(first["groups"]))
        self.assertEqual({group["name"] for group in shown[0]["groups"]}, {"web", "app"})
