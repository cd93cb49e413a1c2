"""Custom actions: keeping them, and what one sends when it is pressed."""

import json

from .harness import ACCOUNT, REGION
from .hub_case import ENVELOPE, OTHER, HubCase, finding, product
from .proofs import proves


class ActionTargets(HubCase):
    def setUp(self) -> None:
        super().setUp()
        for one in self.hub.describe_action_targets()["ActionTargets"]:
            self.hub.delete_action_target(ActionTargetArn=one["ActionTargetArn"])

    def make(self, id: str = "quarantine", name: str = "Quarantine", description: str = "Cuts it off") -> str:
        return self.hub.create_action_target(Id=id, Name=name, Description=description)["ActionTargetArn"]

    def press(self, arn: str, *ids: str, **other: str) -> tuple[int, dict]:
        chosen = [{"Id": id, "ProductArn": product()} for id in ids]
        body = {"account": ACCOUNT, "region": REGION, "actionArn": arn, "findings": chosen} | other
        status, answer = self.emulator.request("POST", "/_emulator/security-hub/press", json.dumps(body), {})
        return status, json.loads(answer)

    @proves("action-targets")
    def test_a_custom_action_is_made_changed_shown_and_deleted(self) -> None:
        arn = self.make()
        self.assertEqual(arn, f"arn:aws:securityhub:{REGION}:{ACCOUNT}:action/custom/quarantine")
        self.hub.update_action_target(ActionTargetArn=arn, Name="Cut off")
        shown = {"ActionTargetArn": arn, "Name": "Cut off", "Description": "Cuts it off"}
        self.assertEqual(self.hub.describe_action_targets(ActionTargetArns=[arn])["ActionTargets"], [shown])
        self.assertEqual(self.hub.delete_action_target(ActionTargetArn=arn)["ActionTargetArn"], arn)
        self.assertEqual(self.hub.describe_action_targets()["ActionTargets"], [])

    @proves("action-targets")
    def test_an_id_is_given_once_an_account(self) -> None:
        self.make()
        with self.refused("ResourceConflictException", 409):
            self.make(name="Other")
        theirs = self.fresh_hub(OTHER)
        made = theirs.create_action_target(Id="quarantine", Name="n", Description="d")["ActionTargetArn"]
        theirs.delete_action_target(ActionTargetArn=made)

    @proves("action-targets")
    def test_a_wrong_form_is_invalid(self) -> None:
        for wrong in ({"id": "with-hyphen"}, {"id": "x" * 21}, {"name": "x" * 21}, {"description": ""}):
            with self.subTest(**wrong), self.refused("InvalidInputException"):
                self.make(**wrong)
        self.make("x" * 20, "y" * 20)

    @proves("action-targets")
    def test_an_unknown_one_is_not_found(self) -> None:
        arn = f"arn:aws:securityhub:{REGION}:{ACCOUNT}:action/custom/none"
        for call in (
            lambda: self.hub.update_action_target(ActionTargetArn=arn, Name="n"),
            lambda: self.hub.delete_action_target(ActionTargetArn=arn),
            lambda: self.hub.describe_action_targets(ActionTargetArns=[arn]),
        ):
            with self.refused("ResourceNotFoundException", 404):
                call()

    @proves("action-targets")
    def test_an_account_has_fifty_shown_in_pages(self) -> None:
        for n in range(50):
            self.make(f"a{n}")
        with self.refused("LimitExceededException", 429):
            self.make("a50")
        first = self.hub.describe_action_targets(MaxResults=30)
        second = self.hub.describe_action_targets(MaxResults=30, NextToken=first["NextToken"])
        self.assertEqual((len(first["ActionTargets"]), len(second["ActionTargets"])), (30, 20))
        self.assertNotIn("NextToken", second)

    def test_a_pressed_action_sends_one_event_for_each_finding(self) -> None:
        arn, other = self.make(), self.make("other", "Other")
        queue = self.feed({"source": ["aws.securityhub"], "resources": [arn]})
        self.put(finding("a"), finding("b"))
        self.assertEqual(self.press(other, "a")[0], 200)
        self.assertEqual(self.press(arn, "a", "b"), (200, {"events": 2}))
        events = self.received_events(queue)
        self.assertEqual([event["detail"]["findings"] for event in events], [[self.get("a")], [self.get("b")]])
        first = events[0]
        self.assertEqual(set(first), ENVELOPE)
        self.assertEqual(
            [first[name] for name in ("version", "detail-type", "source", "account", "region", "resources")],
            ["0", "Security Hub Findings - Custom Action", "aws.securityhub", ACCOUNT, REGION, [arn]],
        )
        self.assertRegex(first["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(
            (first["detail"]["actionName"], first["detail"]["actionDescription"]), ("Quarantine", "Cuts it off")
        )

    def test_what_cannot_be_pressed_is_refused(self) -> None:
        arn = self.make()
        self.put(finding("a"))
        for status, _ in (
            self.press(arn),
            self.press(arn, "gone"),
            self.press(arn, *["a"] * 21),
            self.press(f"{arn}x", "a"),
            self.press(arn, "a", account=OTHER),
        ):
            self.assertEqual(status, 400)
