"""Findings: importing, finding and updating them."""

from .harness import ACCOUNT
from .hub_case import OTHER, HubCase, finding, is_, product
from .proofs import proves

GUARDDUTY = "arn:aws:securityhub:eu-central-1::product/aws/guardduty"
ELEVEN = (
    "Id Title Type Region ProductArn ProductName CompanyName ResourceId ResourceType RecordState SeverityLabel"
).split()


class Hub(HubCase):
    @proves("hub-enabled")
    def test_where_security_hub_is_off_its_calls_are_invalid_access(self) -> None:
        self.hub.disable_security_hub()
        for call in (
            lambda: self.hub.get_findings(),
            lambda: self.hub.batch_import_findings(Findings=[finding("a")]),
            lambda: self.hub.describe_action_targets(),
        ):
            with self.refused("InvalidAccessException", 401):
                call()

    @proves("hub-once")
    def test_enabling_it_twice_is_a_conflict(self) -> None:
        with self.refused("ResourceConflictException", 409):
            self.hub.enable_security_hub()


class Importing(HubCase):
    @proves("imported-findings")
    def test_a_finding_is_known_by_its_id_and_its_product(self) -> None:
        self.put(finding("same"), finding("same", ProductArn=GUARDDUTY))
        self.assertEqual(self.ids(), ["same", "same"])
        self.assertEqual(self.ids(Filters={"ProductArn": [is_(GUARDDUTY)]}), ["same"])

    @proves("imported-findings")
    def test_a_new_finding_gets_what_the_hub_says_of_it(self) -> None:
        self.put(given := finding("new"))
        found = self.get("new")
        self.assertEqual({name: found[name] for name in given}, given)
        self.assertEqual(
            [found[name] for name in ("RecordState", "Workflow", "WorkflowState", "Region", "ProductName")],
            ["ACTIVE", {"Status": "NEW"}, "NEW", "eu-central-1", "Default"],
        )
        self.assertEqual(found["ProductFields"]["aws/securityhub/FindingId"], f"{product()}/new")

    @proves("imported-findings")
    def test_a_finding_of_guardduty_names_its_product_as_aws_spells_it(self) -> None:
        self.put({**finding("g"), "ProductArn": GUARDDUTY})
        self.assertEqual(self.get("g")["ProductName"], "GuardDuty")

    @proves("imported-findings")
    def test_a_further_import_leaves_what_the_owner_wrote(self) -> None:
        self.put(finding("a"))
        self.hub.batch_update_findings(
            FindingIdentifiers=[{"Id": "a", "ProductArn": product()}],
            Note={"Text": "seen", "UpdatedBy": "me"},
            Workflow={"Status": "NOTIFIED"},
            UserDefinedFields={"k": "v"},
        )
        self.put(finding("a", Title="New title", Note={"Text": "mine"}, Workflow={"Status": "NEW"}))
        found = self.get("a")
        self.assertEqual(
            (found["Title"], found["Note"]["Text"], found["Workflow"], found["UserDefinedFields"]),
            ("New title", "seen", {"Status": "NOTIFIED"}, {"k": "v"}),
        )

    @proves("import-form")
    def test_a_wrong_finding_fails_alone(self) -> None:
        no_title = {name: value for name, value in finding("no-title").items() if name != "Title"}
        wrong = [
            no_title,
            finding("no-resources", Resources=[]),
            finding("elsewhere", ProductArn=product(region="us-west-2")),
            finding("not-mine", account=OTHER),
            finding("not-mine-either", account=OTHER, ProductArn=GUARDDUTY),
            finding("not-its", ProductArn="arn:aws:s3:::bucket"),
        ]
        answer = self.hub.batch_import_findings(Findings=[*wrong, finding("right")])
        self.assertEqual((answer["FailedCount"], answer["SuccessCount"]), (6, 1))
        self.assertEqual([one["Id"] for one in answer["FailedFindings"]], [one["Id"] for one in wrong])
        self.assertEqual({one["ErrorCode"] for one in answer["FailedFindings"]}, {"InvalidInput"})
        self.assertEqual(self.ids(), ["right"])

    @proves("import-form")
    def test_more_than_a_hundred_are_not_imported_at_once(self) -> None:
        with self.refused("InvalidInputException"):
            self.hub.batch_import_findings(Findings=[finding(str(n)) for n in range(101)])
        self.assertEqual(self.ids(), [])


class Finding(HubCase):
    def setUp(self) -> None:
        super().setUp()
        self.put(
            finding("low-1", Severity={"Label": "LOW"}),
            finding("high-1", Types=["TTPs/x", "Effects/y"]),
            finding("high-2", RecordState="ARCHIVED", UpdatedAt="2026-02-02T00:00:00.123456789Z"),
            finding("bucket", Resources=[{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::b"}]),
        )

    def found(self, **filters: object) -> list[str]:
        return self.ids(Filters=filters)

    @proves("finding-filters")
    def test_attributes_are_joined_by_and_their_values_by_or(self) -> None:
        self.assertEqual(self.found(Id=[is_("low-1"), is_("high-1"), is_("none")]), ["low-1", "high-1"])
        self.assertEqual(self.found(Id=[is_("low-1"), is_("high-1")], SeverityLabel=[is_("HIGH")]), ["high-1"])
        self.assertEqual(self.found(Id=[is_("high", "PREFIX"), is_("bucket")]), ["high-1", "high-2", "bucket"])

    @proves("finding-filters")
    def test_each_attribute_reads_its_own_field(self) -> None:
        for name, value, expected in (
            ("Type", "Effects/y", ["high-1"]),
            ("ResourceType", "AwsS3Bucket", ["bucket"]),
            ("ResourceId", "arn:aws:s3:::b", ["bucket"]),
            ("RecordState", "ARCHIVED", ["high-2"]),
            ("SeverityLabel", "LOW", ["low-1"]),
            ("WorkflowStatus", "SUPPRESSED", []),
            ("AwsAccountId", OTHER, []),
            ("ProductArn", product("999999999999"), []),
        ):
            with self.subTest(attribute=name):
                self.assertEqual(self.found(**{name: [is_(value)]}), expected)
        self.assertEqual(len(self.found(WorkflowStatus=[is_("NEW")], AwsAccountId=[is_(ACCOUNT)])), 4)
        late = [{"Start": "2026-02-01T00:00:00Z", "End": "2026-03-01T00:00:00Z"}]
        self.assertEqual(self.found(UpdatedAt=late), ["high-2"])

    @proves("finding-filters")
    def test_negative_comparisons_are_joined_by_and(self) -> None:
        self.assertEqual(
            self.found(Id=[is_("low", "PREFIX_NOT_EQUALS"), is_("high-1", "NOT_EQUALS")]), ["high-2", "bucket"]
        )
        self.assertEqual(self.found(Id=[is_("high", "PREFIX"), is_("high-1", "NOT_EQUALS")]), ["high-2"])
        self.assertEqual(self.found(ResourceType=[is_("AwsS3Bucket", "NOT_EQUALS")]), ["low-1", "high-1", "high-2"])

    @proves("finding-filters")
    def test_a_wrong_filter_is_invalid(self) -> None:
        many = [is_(str(n)) for n in range(21)]
        for wrong in (
            {"Id": many},
            {"Id": [is_("a"), is_("b", "NOT_EQUALS")]},
            {"Title": [is_("a", "CONTAINS")]},
            {"Id": [{"Value": "a"}]},
            {name: [is_("a")] for name in ELEVEN},
        ):
            with self.subTest(filters=wrong), self.refused("InvalidInputException"):
                self.hub.get_findings(Filters=wrong)
        self.hub.get_findings(Filters={"Id": many[:20]})

    def test_pages_hold_all_once_whatever_changes_in_between(self) -> None:
        first = self.hub.get_findings(MaxResults=2)
        self.put(finding("low-1", Title="again"), finding("late"))
        second = self.hub.get_findings(MaxResults=2, NextToken=first["NextToken"])
        third = self.hub.get_findings(MaxResults=2, NextToken=second["NextToken"])
        self.assertIsNone(third.get("NextToken"))
        pages = [[one["Id"] for one in page["Findings"]] for page in (first, second, third)]
        self.assertEqual(pages, [["low-1", "high-1"], ["high-2", "bucket"], ["late"]])

    @proves("finding-filters")
    def test_a_page_is_small_by_default_and_a_wrong_page_invalid(self) -> None:
        self.put(*(finding(f"n{n}") for n in range(20)))
        self.assertEqual(len(self.ids()), 10)
        self.assertEqual(len(self.ids(MaxResults=100)), 24)
        token = self.hub.get_findings()["NextToken"]
        for wrong in (
            {"MaxResults": 0},
            {"MaxResults": 101},
            {"NextToken": "nonsense"},
            {"NextToken": token, "Filters": {"Id": [is_("n1")]}},
        ):
            with self.subTest(**wrong), self.refused("InvalidInputException"):
                self.hub.get_findings(**wrong)

    @proves("finding-filters")
    def test_findings_are_sorted_on_request(self) -> None:
        criteria = [{"Field": "Id", "SortOrder": "desc"}]
        first = self.hub.get_findings(SortCriteria=criteria, MaxResults=3)
        rest = self.ids(SortCriteria=criteria, MaxResults=3, NextToken=first["NextToken"])
        self.assertEqual([one["Id"] for one in first["Findings"]] + rest, ["low-1", "high-2", "high-1", "bucket"])

    def test_a_filter_that_is_not_played_is_refused_not_ignored(self) -> None:
        with self.refused("InvalidAction"):
            self.hub.get_findings(Filters={"ProcessName": [is_("a")]})
