"""BatchUpdateFindings: what it writes, what it refuses."""

from typing import Any

from .hub_case import OTHER, HubCase, finding, product
from .proofs import proves


def named(*ids: str) -> list[dict[str, str]]:
    return [{"Id": id, "ProductArn": product()} for id in ids]


class Updating(HubCase):
    def setUp(self) -> None:
        super().setUp()
        self.put(finding("a"), finding("b"))

    def update(self, *ids: str, **changes: Any) -> dict[str, Any]:
        return self.hub.batch_update_findings(FindingIdentifiers=named(*ids), **changes)

    @proves("update-findings")
    def test_note_workflow_and_fields_are_written_and_the_rest_is_kept(self) -> None:
        before = self.get("a")
        answer = self.update(
            "a",
            Note={"Text": "Isolated.", "UpdatedBy": "quarantine-operator"},
            Workflow={"Status": "NOTIFIED"},
            UserDefinedFields={"quarantine": "default/i-1"},
        )
        self.assertEqual((answer["ProcessedFindings"], answer["UnprocessedFindings"]), (named("a"), []))
        after = self.get("a")
        self.assertEqual((after["Note"]["Text"], after["Note"]["UpdatedBy"]), ("Isolated.", "quarantine-operator"))
        self.assertGreater(after["Note"]["UpdatedAt"], before["UpdatedAt"])
        self.assertEqual(after["Workflow"], {"Status": "NOTIFIED"})
        self.assertEqual(after["UserDefinedFields"], {"quarantine": "default/i-1"})
        untouched = set(before) - {"Note", "Workflow", "UserDefinedFields"}
        self.assertEqual({name: after[name] for name in untouched}, {name: before[name] for name in untouched})
        self.assertNotIn("Note", self.get("b"))

    @proves("update-findings")
    def test_a_note_and_a_map_take_the_place_of_those_before(self) -> None:
        self.update("a", Note={"Text": "one", "UpdatedBy": "me"}, UserDefinedFields={"x": "1"})
        self.update("a", Note={"Text": "two", "UpdatedBy": "me"}, UserDefinedFields={"y": "2"})
        self.assertEqual((self.get("a")["Note"]["Text"], self.get("a")["UserDefinedFields"]), ("two", {"y": "2"}))

    @proves("update-findings")
    def test_a_label_and_a_number_of_severity_go_together(self) -> None:
        self.update("a", Severity={"Label": "CRITICAL"})
        self.update("b", Severity={"Normalized": 39})
        self.assertEqual(self.get("a")["Severity"], {"Label": "CRITICAL", "Normalized": 90})
        self.assertEqual(self.get("b")["Severity"], {"Label": "LOW", "Normalized": 39})

    @proves("update-findings")
    def test_unknown_and_doubled_findings_are_named_and_the_others_updated(self) -> None:
        answer = self.update("a", "gone", "b", "b", Workflow={"Status": "RESOLVED"})
        self.assertEqual(answer["ProcessedFindings"], named("a"))
        self.assertEqual(
            [(one["FindingIdentifier"]["Id"], one["ErrorCode"]) for one in answer["UnprocessedFindings"]],
            [("gone", "FindingNotFound"), ("b", "DuplicatedFindingIdentifier"), ("b", "DuplicatedFindingIdentifier")],
        )

    @proves("update-findings")
    def test_a_value_of_a_wrong_form_is_invalid_and_changes_nothing(self) -> None:
        for wrong in (
            {"Note": {"Text": "x" * 513, "UpdatedBy": "me"}},
            {"Note": {"Text": "x"}},
            {"Note": {"Text": "", "UpdatedBy": "me"}},
            {"Workflow": {"Status": "DONE"}},
            {"UserDefinedFields": {str(n): "v" for n in range(51)}},
            {"Severity": {"Label": "TERRIBLE"}},
            {"Confidence": 101},
        ):
            with self.subTest(**wrong), self.refused("InvalidInputException"):
                self.update("a", **({"Workflow": {"Status": "RESOLVED"}} | wrong))
        self.assertEqual(self.get("a")["Workflow"], {"Status": "NEW"})
        self.update("a", Note={"Text": "x" * 512, "UpdatedBy": "me"})

    @proves("update-findings")
    def test_one_to_a_hundred_findings_are_named(self) -> None:
        for ids in ([], [str(n) for n in range(101)]):
            with self.refused("InvalidInputException"):
                self.update(*ids, Workflow={"Status": "RESOLVED"})

    @proves("update-findings")
    def test_another_accounts_finding_is_not_found(self) -> None:
        answer = self.fresh_hub(OTHER).batch_update_findings(
            FindingIdentifiers=named("a"), Workflow={"Status": "SUPPRESSED"}
        )
        self.assertEqual(answer["UnprocessedFindings"][0]["ErrorCode"], "FindingNotFound")
        self.assertEqual(self.get("a")["Workflow"], {"Status": "NEW"})
