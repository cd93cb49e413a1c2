"""The log of calls, faults and throttles for services of the REST-JSON and JSON protocols."""

from typing import Any

from botocore.exceptions import ConnectionClosedError

from .hub_case import HubCase, finding, product


class Services(HubCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.emulator.admin, "DELETE", "faults")
        self.addCleanup(self.emulator.admin, "PUT", "throttles", {})
        self.url, _ = self.make_queue()
        self.since = self.emulator.admin("GET", "calls")["next"]

    def calls(self) -> list[dict[str, Any]]:
        return self.emulator.admin("GET", f"calls?since={self.since}")["calls"]

    def fault(self, **fault: object) -> None:
        self.emulator.admin("POST", "faults", fault)

    def update(self, *ids: str) -> dict[str, Any]:
        named = [{"Id": id, "ProductArn": product()} for id in ids]
        return self.hub.batch_update_findings(FindingIdentifiers=named, Workflow={"Status": "NOTIFIED"})


class Calls(Services):
    def test_calls_of_security_hub_are_logged_by_their_action_with_their_parameters(self) -> None:
        self.put(finding("a"))
        self.ids(Filters={"Id": [{"Value": "a", "Comparison": "EQUALS"}]})
        self.update("a")
        arn = self.hub.create_action_target(Id="logged", Name="n", Description="d")["ActionTargetArn"]
        self.hub.delete_action_target(ActionTargetArn=arn)
        self.hub.list_finding_aggregators(MaxResults=1)
        logged = self.calls()
        self.assertEqual(
            [(call["service"], call["action"], call["changing"]) for call in logged],
            [
                ("securityhub", "BatchImportFindings", True),
                ("securityhub", "GetFindings", False),
                ("securityhub", "BatchUpdateFindings", True),
                ("securityhub", "CreateActionTarget", True),
                ("securityhub", "DeleteActionTarget", True),
                ("securityhub", "ListFindingAggregators", False),
            ],
        )
        self.assertEqual(logged[1]["params"], {"Filters": {"Id": [{"Value": "a", "Comparison": "EQUALS"}]}})
        self.assertEqual(logged[2]["params"]["Workflow"], {"Status": "NOTIFIED"})
        self.assertEqual(logged[4]["params"], {"ActionTargetArn": arn})
        self.assertEqual(logged[5]["params"], {"MaxResults": "1"})

    def test_errors_are_logged_with_the_code_that_sdks_show(self) -> None:
        with self.refused("InvalidInputException"):
            self.hub.get_findings(MaxResults=0)
        with self.refused("AWS.SimpleQueueService.NonExistentQueue"):
            self.sqs.receive_message(QueueUrl=f"{self.url}-none")
        self.assertEqual(
            [(call["action"], call["status"], call["code"]) for call in self.calls()],
            [
                ("GetFindings", 400, "InvalidInputException"),
                ("ReceiveMessage", 400, "AWS.SimpleQueueService.NonExistentQueue"),
            ],
        )

    def test_receiving_is_no_change_and_sending_is(self) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody="a")
        self.receive(self.url)
        self.assertEqual(
            [(call["service"], call["action"], call["changing"]) for call in self.calls()],
            [("sqs", "SendMessage", True), ("sqs", "ReceiveMessage", False)],
        )


class Faults(Services):
    def test_an_error_of_security_hub_hits_the_finding_that_it_names(self) -> None:
        self.put(finding("a"), finding("b"))
        self.fault(
            service="securityhub",
            action="BatchUpdateFindings",
            match={"FindingIdentifiers": ["a"]},
            code="InternalException",
            status=500,
        )
        self.assertEqual(len(self.update("b")["ProcessedFindings"]), 1)
        with self.refused("InternalException", 500):
            self.update("a")
        self.assertEqual(self.get("a")["Workflow"], {"Status": "NEW"})

    def test_an_answer_of_security_hub_is_lost_after_the_call(self) -> None:
        self.put(finding("a"))
        self.fault(action="BatchUpdateFindings", kind="drop", when="after")
        with self.assertRaises(ConnectionClosedError):
            self.update("a")
        self.assertEqual(self.get("a")["Workflow"], {"Status": "NOTIFIED"})

    def test_an_error_of_sqs_has_the_code_that_was_asked_for(self) -> None:
        self.fault(service="sqs", action="ReceiveMessage", code="AWS.SimpleQueueService.NonExistentQueue")
        with self.refused("AWS.SimpleQueueService.NonExistentQueue"):
            self.receive(self.url)
        self.fault(service="sqs", action="DeleteMessage", code="AccessDenied", status=403)
        with self.refused("AccessDenied", 403):
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle="x")


class Throttles(Services):
    def test_security_hub_and_sqs_throttle_in_their_own_words(self) -> None:
        self.emulator.admin(
            "PUT",
            "throttles",
            {"GetFindings": {"burst": 6, "perSecond": 0.001}, "SendMessage": {"burst": 1, "perSecond": 0.001}},
        )
        for _ in range(6):
            self.hub.get_findings()
        with self.refused("TooManyRequestsException", 429):
            self.hub.get_findings()
        self.sqs.send_message(QueueUrl=self.url, MessageBody="a")
        with self.refused("RequestThrottled"):
            self.sqs.send_message(QueueUrl=self.url, MessageBody="b")
        self.assertEqual(len(self.receive(self.url)), 1)
