"""What tests of findings, events and queues share: a hub that is empty, findings, a queue that a rule fills."""

import itertools
import json
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from .harness import ACCOUNT, REGION, shared

MEMBER = "222222222222"
OTHER = "333333333333"
ENVELOPE = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
numbers = itertools.count(1)


def product(account: str = ACCOUNT, region: str = REGION) -> str:
    """The product ARN under which an account imports findings of its own."""
    return f"arn:aws:securityhub:{region}:{account}:product/{account}/default"


def finding(id: str, account: str = ACCOUNT, region: str = REGION, **changes: Any) -> dict[str, Any]:
    return {
        "SchemaVersion": "2018-10-08",
        "Id": id,
        "ProductArn": product(account, region),
        "GeneratorId": "test",
        "AwsAccountId": account,
        "Types": ["TTPs/Command and Control"],
        "CreatedAt": "2026-01-01T00:00:00Z",
        "UpdatedAt": "2026-01-02T00:00:00Z",
        "Severity": {"Label": "HIGH"},
        "Title": f"Finding {id}",
        "Description": "An instance talks to a botnet.",
        "Resources": [{"Type": "AwsEc2Instance", "Id": f"arn:aws:ec2:{region}:{account}:instance/i-0123456789abcdef0"}],
    } | changes


def is_(value: str, comparison: str = "EQUALS") -> dict[str, str]:
    return {"Value": value, "Comparison": comparison}


class HubCase(unittest.TestCase):
    def setUp(self) -> None:
        self.emulator = shared()
        self.hub = self.fresh_hub()
        self.sqs = self.emulator.client("sqs")
        self.events = self.emulator.client("events")

    def fresh_hub(self, account: str = ACCOUNT, region: str = REGION) -> Any:
        """Security Hub in that account, enabled and without findings."""
        hub = self.emulator.client("securityhub", account, region)
        try:
            hub.disable_security_hub()
        except ClientError as error:
            self.assertEqual(error.response["Error"]["Code"], "InvalidAccessException")
        hub.enable_security_hub()
        return hub

    def put(self, *findings: dict[str, Any], hub: Any = None) -> None:
        answer = (hub or self.hub).batch_import_findings(Findings=list(findings))
        self.assertEqual((answer["FailedCount"], answer["FailedFindings"]), (0, []))

    def ids(self, hub: Any = None, **params: Any) -> list[str]:
        return [one["Id"] for one in (hub or self.hub).get_findings(**params)["Findings"]]

    def get(self, id: str, hub: Any = None) -> dict[str, Any]:
        (found,) = (hub or self.hub).get_findings(Filters={"Id": [is_(id)]})["Findings"]
        return found

    def make_queue(self, sqs: Any = None, **attributes: str) -> tuple[str, str]:
        """Its URL and its ARN."""
        sqs = sqs or self.sqs
        url = sqs.create_queue(QueueName=f"queue-{next(numbers)}", Attributes=attributes)["QueueUrl"]
        self.addCleanup(sqs.delete_queue, QueueUrl=url)
        return url, self.attribute(url, "QueueArn", sqs)

    def attribute(self, url: str, name: str, sqs: Any = None) -> str:
        found = (sqs or self.sqs).get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return found.get("Attributes", {}).get(name, "")

    def let(self, url: str, arn: str, rule: str, sqs: Any = None, **statement: Any) -> None:
        """A queue policy as AWS documents it for EventBridge."""
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }
        policy = {"Version": "2012-10-17", "Statement": [allow | statement]}
        (sqs or self.sqs).set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})

    def make_rule(
        self, pattern: dict[str, Any], *targets: dict[str, Any], events: Any = None, **params: Any
    ) -> tuple[str, str]:
        """Its name and its ARN."""
        events, name = events or self.events, f"rule-{next(numbers)}"
        arn = events.put_rule(Name=name, EventPattern=json.dumps(pattern), **params)["RuleArn"]
        self.addCleanup(events.delete_rule, Name=name)
        self.put_targets(name, *targets, events=events)
        return name, arn

    def put_targets(self, name: str, *targets: dict[str, Any], events: Any = None) -> None:
        events = events or self.events
        numbered = [{"Id": str(index)} | target for index, target in enumerate(targets)]
        if numbered:
            events.put_targets(Rule=name, Targets=numbered)
            self.addCleanup(events.remove_targets, Rule=name, Ids=[one["Id"] for one in numbered])

    def feed(self, pattern: dict[str, Any], account: str = ACCOUNT, region: str = REGION) -> str:
        """The URL of a queue that gets the events of this pattern, as in a hand-made set-up."""
        sqs, events = (self.emulator.client(service, account, region) for service in ("sqs", "events"))
        url, arn = self.make_queue(sqs)
        _, rule = self.make_rule(pattern, {"Arn": arn}, events=events)
        self.let(url, arn, rule, sqs)
        return url

    def receive(self, url: str, sqs: Any = None, **params: Any) -> list[dict[str, Any]]:
        return (sqs or self.sqs).receive_message(QueueUrl=url, MaxNumberOfMessages=10, **params).get("Messages", [])

    def received_events(self, url: str, sqs: Any = None) -> list[dict[str, Any]]:
        return [json.loads(message["Body"]) for message in self.receive(url, sqs)]

    def send_event(self, source: str = "test", kind: str = "Test", detail: Any = None, **params: Any) -> None:
        entry = {"Source": source, "DetailType": kind, "Detail": json.dumps(detail or {})} | params
        self.assertEqual(self.events.put_events(Entries=[entry])["FailedEntryCount"], 0)

    @contextmanager
    def refused(self, code: str, status: int = 400) -> Iterator[None]:
        with self.assertRaises(ClientError) as raised:
            yield
        answer = raised.exception.response
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status))
