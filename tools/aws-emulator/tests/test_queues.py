"""SQS as the operator uses it, over the JSON protocol."""

import http.client
import json
import threading
import time
from typing import Any

from .harness import ACCOUNT, REGION, eventually
from .hub_case import MEMBER, OTHER, HubCase
from .proofs import proves


class Queues(HubCase):
    def setUp(self) -> None:
        super().setUp()
        self.url, self.arn = self.make_queue(VisibilityTimeout="30")

    def send(self, *bodies: str, url: str | None = None) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=url or self.url, MessageBody=body)

    def count(self, name: str = "ApproximateNumberOfMessages") -> int:
        return int(self.attribute(self.url, name))

    def set_policy(self, **statement: Any) -> None:
        every = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": self.arn} | statement
        policy = {"Version": "2012-10-17", "Statement": [every]}
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": json.dumps(policy)})

    def redrive(self, letters: str, most: int) -> None:
        policy = {"deadLetterTargetArn": letters, "maxReceiveCount": most}
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"RedrivePolicy": json.dumps(policy)})


class Messages(Queues):
    def test_a_received_message_tells_its_count_and_when_it_was_sent(self) -> None:
        before = int(time.time() * 1000)
        self.send("hello")
        for count in ("1", "2"):
            (message,) = self.receive(self.url, VisibilityTimeout=0, MessageSystemAttributeNames=["All"])
            self.assertEqual((message["Body"], message["Attributes"]["ApproximateReceiveCount"]), ("hello", count))
            self.assertLessEqual(before, int(message["Attributes"]["SentTimestamp"]))

    def test_a_received_message_is_hidden_until_it_is_made_visible(self) -> None:
        self.send("a")
        (message,) = self.receive(self.url)
        self.assertEqual(self.receive(self.url), [])
        self.assertEqual((self.count(), self.count("ApproximateNumberOfMessagesNotVisible")), (0, 1))
        entry = {"Id": "1", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
        answer = self.sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=[entry])
        self.assertEqual([one["Id"] for one in answer["Successful"]], ["1"])
        self.assertEqual(self.count(), 1)
        self.assertEqual(len(self.receive(self.url)), 1)

    def test_a_batch_deletes_what_it_can(self) -> None:
        self.send("a", "b")
        handles = [message["ReceiptHandle"] for message in self.receive(self.url)]
        entries = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate([*handles, "nonsense"])]
        answer = self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
        self.assertEqual([one["Id"] for one in answer["Successful"]], ["0", "1"])
        self.assertEqual([(one["Id"], one["Code"]) for one in answer["Failed"]], [("2", "ReceiptHandleIsInvalid")])
        self.assertEqual(self.count("ApproximateNumberOfMessagesNotVisible"), 0)

    def test_a_message_received_too_often_is_a_dead_letter(self) -> None:
        letters, letters_arn = self.make_queue()
        self.redrive(letters_arn, 2)
        self.send("bad", "good")
        for _ in range(2):
            self.assertEqual(len(self.receive(self.url, VisibilityTimeout=0)), 2)
        self.assertEqual(self.receive(self.url), [])
        (letter, _) = self.receive(letters)
        self.assertEqual(letter["Body"], "bad")

    def test_an_unknown_queue_is_named_by_the_code_that_sdks_know(self) -> None:
        with self.refused("AWS.SimpleQueueService.NonExistentQueue"):
            self.sqs.receive_message(QueueUrl=f"{self.emulator.url}/{ACCOUNT}/none")

    @proves("ten-a-batch")
    def test_a_batch_has_ten_entries_at_most(self) -> None:
        entries = [{"Id": str(n), "ReceiptHandle": str(n)} for n in range(11)]
        with self.refused("AWS.SimpleQueueService.TooManyEntriesInBatchRequest"):
            self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
        timed = [entry | {"VisibilityTimeout": 0} for entry in entries]
        with self.refused("AWS.SimpleQueueService.TooManyEntriesInBatchRequest"):
            self.sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=timed)

    @proves("in-flight")
    def test_a_message_that_is_visible_again_is_not_in_flight(self) -> None:
        self.send("a", "b")
        gone, held = self.receive(self.url)
        self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=gone["ReceiptHandle"], VisibilityTimeout=0)
        with self.refused("AWS.SimpleQueueService.MessageNotInflight"):
            self.sqs.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=gone["ReceiptHandle"], VisibilityTimeout=10
            )
        entries = [
            {"Id": str(n), "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 9}
            for n, one in enumerate((gone, held))
        ]
        answer = self.sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)
        self.assertEqual([one["Id"] for one in answer["Successful"]], ["1"])
        self.assertEqual([one["Id"] for one in answer["Failed"]], ["0"])

    @proves("expired-messages")
    def test_an_expired_message_does_not_hide_the_others(self) -> None:
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"MessageRetentionPeriod": "1"})
        self.send("old")
        self.assertTrue(eventually(lambda: self.receive(self.url, VisibilityTimeout=0) == []))
        self.send("new")
        self.assertEqual([message["Body"] for message in self.receive(self.url)], ["new"])


class Waiting(Queues):
    def poll_in_background(self, seconds: int, into: list[Any]) -> threading.Thread:
        """Receives on a connection of its own, as one of several receivers does."""

        def poll() -> None:
            answer = post(self.emulator.port, "ReceiveMessage", QueueUrl=self.url, WaitTimeSeconds=seconds)
            into.extend(answer.get("Messages", []))

        thread = threading.Thread(target=poll, daemon=True)
        thread.start()
        return thread

    def polls_under_way(self, connections: int) -> bool:
        """The server has begun to answer them: each holds a connection and none has an answer."""
        return self.emulator.admin("GET", "health")["waiting"] >= connections

    @proves("long-polls")
    def test_a_call_that_waits_keeps_no_other_waiting(self) -> None:
        # Short waits, and several: an emulator that does keep others waiting also keeps this test's clean-up waiting.
        for attempt in range(3):
            got: list[Any] = []
            thread = self.poll_in_background(2, got)
            if eventually(lambda thread=thread: self.polls_under_way(1) or not thread.is_alive()):
                self.send(str(attempt))
            thread.join(10)
            if [message["Body"] for message in got] == [str(attempt)]:
                return
        self.fail("what was sent during a wait came only after it")

    def test_four_receivers_that_wait_get_what_comes(self) -> None:
        got: list[Any] = []
        threads = [self.poll_in_background(20, got) for _ in range(4)]
        self.assertTrue(eventually(lambda: self.polls_under_way(4)))
        began = time.monotonic()
        self.emulator.client("ec2").describe_vpcs()
        self.send("1", "2", "3", "4")
        for thread in threads:
            thread.join(10)
        self.assertEqual(sorted(message["Body"] for message in got), ["1", "2", "3", "4"])
        self.assertLess(time.monotonic() - began, 5)

    def test_a_message_that_becomes_visible_ends_the_wait(self) -> None:
        self.send("a")
        (message,) = self.receive(self.url)
        got: list[Any] = []
        thread = self.poll_in_background(20, got)
        self.assertTrue(eventually(lambda: self.polls_under_way(1)))
        self.sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
        thread.join(5)
        self.assertEqual([one["Body"] for one in got], ["a"])

    def test_a_receiver_that_has_gone_gets_no_message(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.emulator.port, timeout=30)
        connection.request("POST", "/", *request_of("ReceiveMessage", QueueUrl=self.url, WaitTimeSeconds=20))
        self.assertTrue(eventually(lambda: self.polls_under_way(1)))
        connection.close()
        self.assertTrue(eventually(lambda: not self.polls_under_way(1)))
        self.send("a")
        (message,) = self.receive(self.url, MessageSystemAttributeNames=["ApproximateReceiveCount"])
        self.assertEqual(message["Attributes"]["ApproximateReceiveCount"], "1")

    def test_a_wait_without_a_message_ends_when_its_time_is_over(self) -> None:
        began = time.monotonic()
        self.assertEqual(self.receive(self.url, WaitTimeSeconds=1), [])
        self.assertGreater(time.monotonic() - began, 0.9)

    def test_a_burst_of_a_thousand_messages_is_received_once_by_four(self) -> None:
        got: list[str] = []

        def drain() -> None:
            while len(got) < 1000:
                params = {"QueueUrl": self.url, "WaitTimeSeconds": 1, "MaxNumberOfMessages": 10}
                messages = post(self.emulator.port, "ReceiveMessage", **params).get("Messages", [])
                if messages:
                    got.extend(message["Body"] for message in messages)
                    entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
                    post(self.emulator.port, "DeleteMessageBatch", QueueUrl=self.url, Entries=entries)

        threads = [threading.Thread(target=drain, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for begin in range(0, 1000, 10):
            entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(begin, begin + 10)]
            self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
        for thread in threads:
            thread.join(30)
        self.assertEqual(sorted(map(int, got)), list(range(1000)))
        self.assertEqual(self.count(), 0)


class Attributes(Queues):
    @proves("queue-attributes")
    def test_an_attribute_that_is_not_given_stays(self) -> None:
        self.set_policy(Effect="Allow", Principal={"AWS": OTHER})
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"VisibilityTimeout": "60"})
        self.assertIn(OTHER, self.attribute(self.url, "Policy"))
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": ""})
        self.assertEqual(self.attribute(self.url, "Policy"), "")

    @proves("redrive-allowed")
    def test_a_dead_letter_queue_says_whose_it_may_be(self) -> None:
        letters, letters_arn = self.make_queue()

        def allow(**policy: Any) -> None:
            self.sqs.set_queue_attributes(QueueUrl=letters, Attributes={"RedriveAllowPolicy": json.dumps(policy)})

        for policy in (
            {"redrivePermission": "denyAll"},
            {"redrivePermission": "byQueue", "sourceQueueArns": [f"{self.arn}-other"]},
        ):
            allow(**policy)
            self.assertEqual(json.loads(self.attribute(letters, "RedriveAllowPolicy")), policy)
            with self.refused("InvalidParameterValue"):
                self.redrive(letters_arn, 3)
        allow(redrivePermission="byQueue", sourceQueueArns=[self.arn])
        self.redrive(letters_arn, 3)


class Policies(Queues):
    @proves("queue-policies")
    def test_whom_the_policy_denies_cannot_send(self) -> None:
        self.set_policy(Principal={"AWS": ACCOUNT}, Action="sqs:SendMessage")
        entries = [{"Id": "1", "MessageBody": "forged"}]
        with self.refused("AccessDenied", 403):
            self.send("forged")
        with self.refused("AccessDenied", 403):
            self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
        self.assertEqual(self.receive(self.url), [])

    @proves("queue-policies")
    def test_another_account_is_let_in_by_the_policy_alone(self) -> None:
        theirs = self.emulator.client("sqs", OTHER)
        self.send("a")
        with self.refused("AccessDenied", 403):
            self.receive(self.url, theirs)
        self.set_policy(Effect="Allow", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"}, Action="sqs:ReceiveMessage")
        self.assertEqual(len(self.receive(self.url, theirs)), 1)
        with self.refused("AccessDenied", 403):
            theirs.send_message(QueueUrl=self.url, MessageBody="b")
        with self.refused("AccessDenied", 403):
            self.receive(self.url, self.emulator.client("sqs", MEMBER))

    @proves("queue-policies")
    def test_a_policy_may_keep_out_all_but_eventbridge(self) -> None:
        self.set_policy(Action="sqs:SendMessage", Condition={"Bool": {"aws:PrincipalIsAWSService": "false"}})
        with self.refused("AccessDenied", 403):
            self.send("forged")
        # What common templates have too: plain HTTP is denied. Loopback stands for TLS here.
        self.set_policy(Condition={"Bool": {"aws:SecureTransport": "false"}})
        self.send("good")


def request_of(action: str, **params: Any) -> tuple[str, dict[str, str]]:
    scope = f"{ACCOUNT}/20260101/{REGION}/sqs/aws4_request"
    return json.dumps(params), {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"AmazonSQS.{action}",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    }


def post(port: int, action: str, **params: Any) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/", *request_of(action, **params))
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
