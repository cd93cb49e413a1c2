"""Starts emulators for tests and speaks to them: boto3 for what SDKs do, raw HTTP for what they don't send.

An emulator is a forked child, because moto's state and the corrections are global to a process. moto and its models
are loaded once, here, so that a further emulator costs little.
"""

import atexit
import ctypes
import http.client
import json
import os
import signal
import time
import unittest
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.backends import get_backend
from moto.core.utils import get_service_model

from aws_emulator import server

PR_SET_PDEATHSIG = 1
NOWHERE = "http://emulator.invalid"
REGION = "eu-central-1"
ACCOUNT = "123456789012"
"""The account that credentials of no account belong to."""


for service in (*server.PRELOADED, "cloudformation"):
    get_service_model(service)
    get_backend(service)["000000000000"]


class Emulator:
    def __init__(self, without: list[str] | None = None) -> None:
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.serve(writer, without or [])
        os.close(writer)
        with os.fdopen(reader) as pipe:
            self.port = int(pipe.read())
        self.url = f"http://127.0.0.1:{self.port}"

    @staticmethod
    def serve(writer: int, without: list[str]) -> None:
        try:
            # A test run that is killed leaves no server behind.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if without:
                # moto's tracebacks are expected there.
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            server.prepare(without)
            listening = server.listen("127.0.0.1", 0)
            os.write(writer, str(listening.port).encode())
            os.close(writer)
            listening.serve_forever()
        finally:
            os._exit(1)

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def client(self, service: str = "ec2", account: str = ACCOUNT, region: str = REGION) -> Any:
        """A client that speaks for an account: an access key that is an account's number does."""
        return self.client_with({"aws_access_key_id": account, "aws_secret_access_key": "x"}, service, region)

    def client_with(self, credentials: dict[str, str], service: str = "ec2", region: str = REGION) -> Any:
        return client_of_the_shared(service, region, tuple(credentials.items()))

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.request(method, f"/_emulator/{path}", json.dumps(body) if body is not None else None, {})
        assert status == 200, answer
        return json.loads(answer)

    def query(self, **params: str) -> tuple[int, str]:
        """One EC2 call as it goes over the wire; `__` in a name stands for a dot."""
        form = {"Version": "2016-11-15"} | {name.replace("__", "."): value for name, value in params.items()}
        scope = f"{ACCOUNT}/20260101/{REGION}/ec2/aws4_request"
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        }
        return self.request("POST", "/", urllib.parse.urlencode(form), headers)

    def request(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@cache
def client_of_the_shared(service: str, region: str, credentials: tuple[tuple[str, str], ...]) -> Any:
    """A client for whichever emulator is shared at the moment: making a client costs more than most tests do."""
    client = boto3.client(
        service,
        endpoint_url=NOWHERE,
        region_name=region,
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        **dict(credentials),
    )

    def send_there(request: Any, **_: Any) -> None:
        request.url = request.url.replace(NOWHERE, shared().url)

    client.meta.events.register("before-send", send_there)
    atexit.register(client.close)
    return client


_shared: Emulator | None = None


def shared() -> Emulator:
    """The emulator with all corrections that all tests use: each test makes a VPC of its own in it."""
    global _shared
    if _shared is None:
        _shared = Emulator()
        atexit.register(_shared.stop)
    return _shared


@contextmanager
def instead(emulator: Emulator) -> Iterator[None]:
    """Lets the tests within use another emulator."""
    global _shared
    before, _shared = _shared, emulator
    try:
        yield
    finally:
        _shared = before


def eventually(check: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.01)
    return False


class Case(unittest.TestCase):
    """A test with a VPC and a subnet of its own, and the words that most tests need."""

    def setUp(self) -> None:
        self.emulator = shared()
        self.ec2 = self.emulator.client()
        self.vpc, self.subnet = self.make_vpc()

    def make_vpc(self) -> tuple[str, str]:
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        return vpc, self.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20")["Subnet"]["SubnetId"]

    def make_groups(self, count: int, vpc: str | None = None) -> list[str]:
        return [
            self.ec2.create_security_group(GroupName=f"{self.id()}-{i}", Description="d", VpcId=vpc or self.vpc)[
                "GroupId"
            ]
            for i in range(count)
        ]

    def make_interface(self, *groups: str, **params: Any) -> str:
        params.setdefault("SubnetId", self.subnet)
        made = self.ec2.create_network_interface(**({"Groups": list(groups)} if groups else {}), **params)
        return made["NetworkInterface"]["NetworkInterfaceId"]

    def launch(self, **params: Any) -> str:
        if "NetworkInterfaces" not in params:
            params.setdefault("SubnetId", self.subnet)
        made = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, **params)
        return made["Instances"][0]["InstanceId"]

    def attach(self, instance: str, index: int, *groups: str) -> str:
        interface = self.make_interface(*groups)
        self.ec2.attach_network_interface(NetworkInterfaceId=interface, InstanceId=instance, DeviceIndex=index)
        return interface

    def interfaces_of(self, instance: str) -> list[str]:
        """Their ids, by device index."""
        found = self.find("attachment.instance-id", instance)
        return [one["NetworkInterfaceId"] for one in sorted(found, key=lambda one: one["Attachment"]["DeviceIndex"])]

    def find(self, name: str, *values: str, **params: Any) -> list[dict[str, Any]]:
        return self.ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": list(values)}], **params)[
            "NetworkInterfaces"
        ]

    def interface(self, id: str, **params: Any) -> dict[str, Any]:
        return self.find("network-interface-id", id, **params)[0]

    def groups_on(self, id: str) -> list[str]:
        return sorted(group["GroupId"] for group in self.interface(id)["Groups"])

    def instance(self, id: str) -> dict[str, Any]:
        return self.ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]

    def set_groups(self, interface: str, *groups: str) -> None:
        self.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=list(groups))

    def tags_of(self, id: str) -> dict[str, str]:
        found = self.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [id]}])["Tags"]
        return {tag["Key"]: tag["Value"] for tag in found}

    @contextmanager
    def refused(self, code: str, status: int = 400) -> Iterator[None]:
        with self.assertRaises(ClientError) as raised:
            yield
        answer = raised.exception.response
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status))
