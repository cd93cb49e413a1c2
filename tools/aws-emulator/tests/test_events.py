"""From Security Hub and PutEvents through a rule to a queue."""

import json

from .harness import ACCOUNT, REGION
from .hub_case import ENVELOPE, OTHER, HubCase, finding, product
from .proofs import proves


class FindingEvents(HubCase):
    @proves("finding-events")
    def test_an_import_sends_one_event_for_each_finding(self) -> None:
        queue = self.feed({"source": ["aws.securityhub"], "detail-type": ["Security Hub Findings - Imported"]})
        failing = finding("c", Resources=[])
        self.hub.batch_import_findings(Findings=[finding("a"), finding("b"), failing])
        events = self.received_events(queue)
        self.assertEqual([event["resources"] for event in events], [[f"{product()}/a"], [f"{product()}/b"]])
        self.assertEqual([event["detail"] for event in events], [{"findings": [self.get(id)]} for id in "ab"])
        first = events[0]
        self.assertEqual(set(first), ENVELOPE)
        self.assertEqual((first["account"], first["region"], first["version"]), (ACCOUNT, REGION, "0"))

    @proves("finding-events")
    def test_an_update_sends_the_finding_as_it_is_then(self) -> None:
        self.put(finding("a"), finding("b"))
        queue = self.feed({"detail-type": ["Security Hub Findings - Imported"]})
        self.hub.batch_update_findings(
            FindingIdentifiers=[{"Id": id, "ProductArn": product()} for id in ("a", "gone")],
            Workflow={"Status": "NOTIFIED"},
        )
        (event,) = self.received_events(queue)
        self.assertEqual(event["detail"]["findings"][0]["Workflow"], {"Status": "NOTIFIED"})


class Patterns(HubCase):
    def taken(self, pattern: dict, *ids: str) -> list[str]:
        """Which of the findings a rule with this pattern takes."""
        queue = self.feed({"detail-type": ["Security Hub Findings - Imported"], "detail": {"findings": pattern}})
        for id in ids:
            self.put(self.get(id) | {"UpdatedAt": "2026-03-03T00:00:00Z"})
        return [event["detail"]["findings"][0]["Id"] for event in self.received_events(queue)]

    @proves("patterns-reach-into-lists")
    def test_a_pattern_reaches_into_findings_and_their_resources(self) -> None:
        bucket = {"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::b"}
        instance = {"Type": "AwsEc2Instance", "Id": "arn:aws:ec2:eu-central-1:1:instance/i-1"}
        self.put(
            finding("both", Resources=[bucket, instance]),
            finding("bucket", Resources=[bucket]),
            finding("low", Severity={"Label": "LOW"}),
        )
        all_of_them = ("both", "bucket", "low")
        for pattern, expected in (
            ({"Severity": {"Label": ["HIGH", "CRITICAL"]}}, ["both", "bucket"]),
            ({"Resources": {"Type": ["AwsEc2Instance"]}}, ["both", "low"]),
            ({"Resources": {"Type": ["AwsS3Bucket"], "Id": [{"prefix": "arn:aws:ec2"}]}}, []),
            ({"Severity": {"Label": [{"anything-but": "LOW"}]}, "Workflow": {"Status": ["NEW"]}}, ["both", "bucket"]),
            ({"Note": [{"exists": False}], "$or": [{"Id": ["low"]}, {"Id": ["bucket"]}]}, ["bucket", "low"]),
        ):
            with self.subTest(pattern=pattern):
                self.assertEqual(self.taken(pattern, *all_of_them), expected)

    @proves("silent-rules")
    def test_a_disabled_rule_and_a_schedule_take_no_event(self) -> None:
        url, arn = self.make_queue()
        for params in ({"State": "DISABLED"}, {"ScheduleExpression": "rate(1 day)", "EventPattern": ""}):
            with self.subTest(**params):
                name, rule = self.make_rule({"source": ["test"]}, {"Arn": arn})
                self.events.put_rule(Name=name, **({"EventPattern": json.dumps({"source": ["test"]})} | params))
                self.let(url, arn, rule)
                self.send_event()
                self.assertEqual(self.receive(url), [])


class Delivery(HubCase):
    @proves("whole-events")
    def test_a_queue_gets_the_event_as_it_is(self) -> None:
        queue = self.feed({"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"]})
        detail = {"type": 'the "<source>" of <account> & <detail>', "service": {"count": 3}}
        self.send_event("aws.guardduty", "GuardDuty Finding", detail, Resources=["arn:a", "arn:b"])
        (event,) = self.received_events(queue)
        self.assertEqual(set(event), ENVELOPE)
        self.assertEqual((event["account"], event["region"]), (ACCOUNT, REGION))
        self.assertEqual((event["resources"], event["detail"]), (["arn:a", "arn:b"], detail))

    @proves("queue-targets")
    def test_a_queue_without_a_policy_for_the_rule_gets_nothing(self) -> None:
        url, arn = self.make_queue()
        name, rule = self.make_rule({"source": ["test"]}, {"Arn": arn})
        self.send_event()
        self.let(url, arn, f"{rule}-other")
        self.send_event()
        self.let(url, arn, rule, Principal={"Service": "sns.amazonaws.com"})
        self.send_event()
        self.assertEqual(self.receive(url), [])
        for condition in (
            {"ArnEquals": {"aws:SourceArn": rule}},
            {"ArnLike": {"aws:SourceArn": f"arn:aws:events:*:{ACCOUNT}:rule/{name[:4]}*"}},
            {"StringEquals": {"aws:SourceArn": rule, "aws:SourceAccount": ACCOUNT}},
        ):
            with self.subTest(**condition):
                self.let(url, arn, rule, Condition=condition)
                self.send_event()
                self.assertEqual(len(self.receive(url)), 1)

    @proves("queue-targets")
    def test_an_event_that_is_not_taken_goes_to_the_dead_letter_queue(self) -> None:
        url, arn = self.make_queue()
        letters, letters_arn = self.make_queue()
        target = {"Arn": arn, "DeadLetterConfig": {"Arn": letters_arn}}
        name, rule = self.make_rule({"source": ["test"]}, target)
        self.send_event()
        self.let(letters, letters_arn, rule)
        self.send_event(detail={"n": 2})
        (letter,) = self.receive(letters, MessageAttributeNames=["All"])
        self.assertEqual(json.loads(letter["Body"])["detail"], {"n": 2})
        attributes = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
        self.assertEqual(
            [attributes[key] for key in ("RULE_ARN", "TARGET_ARN", "ERROR_CODE")], [rule, arn, "NO_PERMISSIONS"]
        )
        self.put_targets(name, target | {"Arn": f"{arn}-gone"})
        self.send_event()
        (letter,) = self.receive(letters, MessageAttributeNames=["ERROR_CODE"])
        self.assertEqual(letter["MessageAttributes"]["ERROR_CODE"]["StringValue"], "NO_RESOURCE")
        self.assertEqual(self.receive(url), [])

    @proves("aws-managed-key")
    def test_a_queue_with_aws_own_key_gets_no_event_and_one_with_a_customers_does(self) -> None:
        url, arn = self.make_queue(KmsMasterKeyId="alias/aws/sqs")
        letters, letters_arn = self.make_queue()
        _, rule = self.make_rule({"source": ["test"]}, {"Arn": arn, "DeadLetterConfig": {"Arn": letters_arn}})
        self.let(url, arn, rule)
        self.let(letters, letters_arn, rule)
        self.send_event(detail={"n": 1})
        self.assertEqual(self.receive(url), [])
        (letter,) = self.receive(letters, MessageAttributeNames=["ERROR_MESSAGE"])
        self.assertIn("alias/aws/sqs", letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"])
        key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234"
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": key})
        self.send_event(detail={"n": 2})
        (event,) = self.received_events(url)
        self.assertEqual(event["detail"], {"n": 2})

    @proves("queue-targets")
    def test_a_queue_of_another_account_gets_the_event(self) -> None:
        theirs = self.emulator.client("sqs", OTHER)
        url, arn = self.make_queue(theirs)
        _, rule = self.make_rule({"source": ["test"]}, {"Arn": arn})
        self.let(url, arn, rule, theirs)
        self.send_event(detail={"n": 1})
        (event,) = self.received_events(url, theirs)
        self.assertEqual((event["account"], event["detail"]), (ACCOUNT, {"n": 1}))
