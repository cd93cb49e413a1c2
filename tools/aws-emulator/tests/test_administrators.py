"""Findings over accounts and regions: an administrator's and a home region's view."""

from typing import Any

from .harness import ACCOUNT, REGION
from .hub_case import MEMBER, OTHER, HubCase, finding, product
from .proofs import proves

HOME = "us-west-2"


class Administrators(HubCase):
    def setUp(self) -> None:
        super().setUp()
        self.administer([])
        self.addCleanup(self.administer, [])
        self.member = self.fresh_hub(MEMBER)
        self.elsewhere = self.fresh_hub(ACCOUNT, "us-east-1")

    def administer(self, members: list[str], **body: Any) -> None:
        body = {"administrator": ACCOUNT, "members": members} | body
        self.emulator.admin("PUT", "security-hub/administrator", body)

    def update(self, hub: Any, account: str, status: str) -> list[str]:
        named = [{"Id": "a", "ProductArn": product(account)}]
        answer = hub.batch_update_findings(FindingIdentifiers=named, Workflow={"Status": status})
        return [one["ErrorCode"] for one in answer["UnprocessedFindings"]]

    def check_view(self) -> None:
        imported = {"detail-type": ["Security Hub Findings - Imported"]}
        chief, member, stranger = (self.feed(imported, account) for account in (ACCOUNT, MEMBER, OTHER))
        self.put(finding("a", MEMBER), hub=self.member)
        self.put(finding("mine"))
        self.assertEqual((self.ids(), self.ids(self.member)), (["a", "mine"], ["a"]))
        self.assertEqual(self.ids(self.fresh_hub(OTHER)), [])
        self.assertEqual(self.update(self.hub, MEMBER, "NOTIFIED"), [])
        self.assertEqual(self.get("a", self.member)["Workflow"], {"Status": "NOTIFIED"})
        self.assertEqual(self.update(self.member, ACCOUNT, "SUPPRESSED"), ["FindingNotFound"])
        for url, account, expected in ((chief, ACCOUNT, "a mine a"), (member, MEMBER, "a a"), (stranger, OTHER, "")):
            events = self.received_events(url, self.emulator.client("sqs", account))
            self.assertEqual([event["detail"]["findings"][0]["Id"] for event in events], expected.split())
            self.assertLessEqual({event["account"] for event in events}, {account})

    @proves("member-findings")
    def test_who_makes_members_sees_and_updates_their_findings(self) -> None:
        self.hub.create_members(AccountDetails=[{"AccountId": MEMBER}])
        self.check_view()

    def test_a_test_can_name_the_members(self) -> None:
        self.administer([MEMBER])
        self.check_view()

    @proves("home-region")
    def test_a_home_region_sees_the_linked_ones(self) -> None:
        self.administer([MEMBER])
        home = self.fresh_hub(ACCOUNT, HOME)
        made = home.create_finding_aggregator(RegionLinkingMode="SPECIFIED_REGIONS", Regions=[REGION])
        self.assertEqual(made["FindingAggregationRegion"], HOME)
        (listed,) = home.list_finding_aggregators()["FindingAggregators"]
        self.assertEqual(listed["FindingAggregatorArn"], made["FindingAggregatorArn"])
        queue = self.feed({"source": ["aws.securityhub"]}, ACCOUNT, HOME)
        self.put(finding("unlinked", region="us-east-1"), hub=self.elsewhere)
        self.put(finding("a", MEMBER), hub=self.member)
        self.assertEqual((self.ids(home), self.ids(self.elsewhere)), (["a"], ["unlinked"]))
        self.assertEqual(self.update(home, MEMBER, "RESOLVED"), [])
        self.assertEqual(self.get("a", self.member)["Workflow"], {"Status": "RESOLVED"})
        events = self.received_events(queue, self.emulator.client("sqs", ACCOUNT, HOME))
        shown = [(event["region"], event["detail"]["findings"][0]["Region"]) for event in events]
        self.assertEqual(shown, [(HOME, REGION)] * 2)
        home.delete_finding_aggregator(FindingAggregatorArn=made["FindingAggregatorArn"])
        self.assertEqual(self.ids(home), [])

    def test_a_test_can_name_the_home_region(self) -> None:
        self.administer([MEMBER], aggregationRegion=HOME)
        self.put(finding("a", MEMBER), hub=self.member)
        self.assertEqual(self.ids(self.fresh_hub(ACCOUNT, HOME)), ["a"])
