"""The newer Security Hub: its findings in OCSF, what is written on them, and their events."""

from typing import Any

from .harness import ACCOUNT, REGION
from .hub_case import ENVELOPE, OTHER, HubCase
from .proofs import proves

GUARDDUTY = "arn:aws:securityhub:eu-central-1::productv2/aws/guardduty"
INSPECTOR = "arn:aws:securityhub:eu-central-1::productv2/aws/inspector"
PATTERN = {"source": ["aws.securityhub"], "detail-type": ["Findings Imported V2"]}


def ocsf(id: str, product: str = GUARDDUTY, account: str = ACCOUNT, **changes: Any) -> dict[str, Any]:
    return {
        "class_uid": 2004,
        "severity_id": 4,
        "time": 1772442621204,
        "cloud": {"provider": "AWS", "region": REGION, "account": {"uid": account}},
        "finding_info": {"uid": id, "title": f"Finding {id}", "types": ["Backdoor:EC2/C&CActivity.B!DNS"]},
        "metadata": {"version": "1.6.0", "product": {"uid": product, "name": "GuardDuty"}},
        "resources": [{"type": "AWS::EC2::Instance", "uid": f"arn:aws:ec2:{REGION}:{account}:instance/i-{id}"}],
    } | changes


def named(*ids: str, account: str = ACCOUNT) -> list[dict[str, str]]:
    return [{"CloudAccountUid": account, "FindingInfoUid": id, "MetadataProductUid": GUARDDUTY} for id in ids]


def where(field: str, value: str, comparison: str = "EQUALS") -> dict[str, Any]:
    return {"FieldName": field, "Filter": {"Value": value, "Comparison": comparison}}


class HubV2Case(HubCase):
    def setUp(self) -> None:
        super().setUp()
        # Without Security Hub CSPM: the two are apart.
        self.hub.disable_security_hub()
        self.fresh_v2(self.hub)

    def fresh_v2(self, hub: Any) -> Any:
        """The newer Security Hub, enabled and without findings."""
        hub.disable_security_hub_v2()
        hub.enable_security_hub_v2()
        return hub

    def import_(self, *findings: dict[str, Any], account: str = ACCOUNT) -> list[str]:
        given = {"account": account, "region": REGION, "findings": list(findings)}
        return self.emulator.admin("POST", "security-hub/import-v2", given)["metadataUids"]

    def found(self, *filters: dict[str, Any], operator: str = "AND", **params: Any) -> list[str]:
        if filters:
            params["Filters"] = {"CompositeFilters": [{"StringFilters": list(filters), "Operator": operator}]}
        return [one["finding_info"]["uid"] for one in self.hub.get_findings_v2(**params)["Findings"]]

    def shown(self, id: str) -> dict[str, Any]:
        composite = {"StringFilters": [where("finding_info.uid", id)]}
        (found,) = self.hub.get_findings_v2(Filters={"CompositeFilters": [composite]})["Findings"]
        return found


class Hub(HubV2Case):
    @proves("hub-v2")
    def test_it_is_turned_on_and_off_apart_from_the_older_one(self) -> None:
        arn = self.hub.enable_security_hub_v2()["HubV2Arn"]
        self.assertTrue(arn.startswith(f"arn:aws:securityhub:{REGION}:{ACCOUNT}:hubv2/"), arn)
        self.assertEqual(self.hub.describe_security_hub_v2()["HubV2Arn"], arn)
        self.hub.get_findings_v2()
        self.hub.disable_security_hub_v2()
        with self.refused("ResourceNotFoundException", 404):
            self.hub.describe_security_hub_v2()
        for call in (
            lambda: self.hub.get_findings_v2(),
            lambda: self.hub.batch_update_findings_v2(FindingIdentifiers=named("a"), StatusId=2),
        ):
            with self.refused("AccessDeniedException", 403):
                call()


class Reading(HubV2Case):
    @proves("findings-v2")
    def test_a_finding_is_shown_as_its_product_tells_it_with_what_the_hub_adds(self) -> None:
        (uid,) = self.import_(given := ocsf("a"))
        found = self.shown("a")
        added = {"status_id": 1, "status": "New", "severity": "High"}
        self.assertEqual(found, given | added | {"metadata": given["metadata"] | {"uid": uid}})

    @proves("findings-v2")
    def test_filters_of_a_composite_and_composites_are_joined_by_their_operators(self) -> None:
        self.import_(ocsf("a"), ocsf("a", INSPECTOR), ocsf("b", severity_id=2))
        either = [where("finding_info.uid", "a"), where("finding_info.uid", "b")]
        self.assertEqual(self.found(*either, operator="OR"), ["a", "a", "b"])
        self.assertEqual(self.found(*either), [])
        self.assertEqual(self.found(where("finding_info.uid", "a"), where("metadata.product.uid", INSPECTOR)), ["a"])
        self.assertEqual(self.found(where("resources.uid", "arn:aws:ec2", "PREFIX")), ["a", "a", "b"])
        self.assertEqual(self.found(where("finding_info.uid", "a", "NOT_EQUALS")), ["b"])
        low = {"NumberFilters": [{"FieldName": "severity_id", "Filter": {"Eq": 2}}]}
        a = {"StringFilters": [where("finding_info.uid", "a")]}
        for operator, expected in (("AND", []), ("OR", ["a", "a", "b"])):
            filters = {"CompositeFilters": [low, a], "CompositeOperator": operator}
            self.assertEqual(self.found(Filters=filters), expected)

    @proves("findings-v2")
    def test_pages_hold_all_and_wrong_questions_are_refused(self) -> None:
        self.import_(*(ocsf(str(n)) for n in range(12)))
        first = self.hub.get_findings_v2()
        self.assertEqual(len(first["Findings"]), 10)
        rest = self.hub.get_findings_v2(NextToken=first["NextToken"])
        self.assertEqual([one["finding_info"]["uid"] for one in rest["Findings"]], ["10", "11"])
        self.assertNotIn("NextToken", rest)
        many = [where("finding_info.uid", str(n)) for n in range(21)]
        self.found(*many[:20], operator="OR")
        for wrong in (
            {"Filters": {"CompositeFilters": [{"StringFilters": many}]}},
            {"Filters": {"CompositeFilters": [{}] * 11}},
            {"Filters": {"CompositeFilters": [{"StringFilters": [where("finding_info.uid", " ")]}]}},
            {"Filters": {"CompositeFilters": [], "CompositeOperator": "XOR"}},
            {"MaxResults": 101},
            {"NextToken": "nonsense"},
        ):
            with self.subTest(**wrong), self.refused("ValidationException"):
                self.hub.get_findings_v2(**wrong)

    @proves("findings-v2")
    def test_an_administrator_sees_its_members_findings_and_nobody_else_does(self) -> None:
        theirs = self.fresh_v2(self.emulator.client("securityhub", OTHER))
        self.import_(ocsf("theirs", account=OTHER), account=OTHER)
        self.assertEqual(self.found(), [])
        administer = {"administrator": ACCOUNT, "members": [OTHER]}
        self.emulator.admin("PUT", "security-hub/administrator", administer)
        self.addCleanup(self.emulator.admin, "PUT", "security-hub/administrator", {**administer, "members": []})
        queue = self.feed(PATTERN)
        self.assertEqual(self.found(), ["theirs"])
        theirs.batch_update_findings_v2(FindingIdentifiers=named("theirs", account=OTHER), StatusId=2)
        self.assertEqual(len(self.received_events(queue)), 1)


class Updating(HubV2Case):
    def setUp(self) -> None:
        super().setUp()
        self.uids = self.import_(ocsf("a"), ocsf("b"))

    def update(self, *ids: str, **changes: Any) -> dict[str, Any]:
        return self.hub.batch_update_findings_v2(FindingIdentifiers=named(*ids), **changes)

    @proves("update-findings-v2")
    def test_comment_status_and_severity_are_written_and_the_rest_is_kept(self) -> None:
        before = self.shown("a")
        answer = self.update("a", Comment="Isolated.", StatusId=2, SeverityId=5)
        done = [{"FindingIdentifier": named("a")[0], "MetadataUid": self.uids[0]}]
        self.assertEqual((answer["ProcessedFindings"], answer["UnprocessedFindings"]), (done, []))
        words = {"comment": "Isolated.", "status_id": 2, "status": "In Progress"}
        self.assertEqual(self.shown("a"), before | words | {"severity_id": 5, "severity": "Critical"})
        self.assertNotIn("comment", self.shown("b"))
        self.hub.batch_update_findings_v2(MetadataUids=self.uids, Comment="Both.")
        self.assertEqual([self.shown(id)["comment"] for id in "ab"], ["Both.", "Both."])

    @proves("update-findings-v2")
    def test_what_its_owner_wrote_outlives_a_further_import(self) -> None:
        self.update("a", Comment="Mine.", StatusId=2)
        self.import_(ocsf("a", severity_id=5, status_id=1, time=1772442999999))
        found = self.shown("a")
        self.assertEqual((found["comment"], found["status"], found["severity_id"]), ("Mine.", "In Progress", 5))
        self.assertEqual((found["time"], found["metadata"]["uid"]), (1772442999999, self.uids[0]))

    @proves("update-findings-v2")
    def test_an_unknown_finding_is_named_and_the_others_updated(self) -> None:
        answer = self.update("gone", "a", StatusId=4)
        (missing,) = answer["UnprocessedFindings"]
        self.assertEqual(missing["FindingIdentifier"], named("gone")[0])
        self.assertEqual(missing["ErrorCode"], "ResourceNotFoundException")
        self.assertEqual(self.shown("a")["status"], "Resolved")

    @proves("update-findings-v2")
    def test_a_wrong_form_is_refused_and_changes_nothing(self) -> None:
        before = self.shown("a")
        for wrong in (
            {"Comment": "x" * 513},
            {"Comment": " "},
            {"StatusId": 7},
            {"SeverityId": 7},
            {},
            {"MetadataUids": self.uids, "StatusId": 2},
        ):
            with self.subTest(**wrong), self.refused("ValidationException"):
                self.update("a", **wrong)
        for identifiers in ([], named("a") * 101, [{"FindingInfoUid": "a"}]):
            with self.refused("ValidationException"):
                self.hub.batch_update_findings_v2(FindingIdentifiers=identifiers, StatusId=2)
        self.assertEqual(self.shown("a"), before)

    @proves("update-findings-v2")
    def test_an_import_and_an_update_send_the_finding_as_it_is_then(self) -> None:
        queue = self.feed(PATTERN)
        self.import_(ocsf("c"))
        self.update("c", Comment="Seen.")
        imported, updated = self.received_events(queue)
        self.assertEqual(set(imported), ENVELOPE)
        self.assertEqual(imported["resources"], [self.shown("c")["metadata"]["uid"]])
        self.assertNotIn("comment", imported["detail"]["findings"][0])
        self.assertEqual(updated["detail"], {"findings": [self.shown("c")]})
