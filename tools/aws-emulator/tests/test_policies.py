"""What a policy says of a request: statements, wildcards, conditions. Without a server."""

import unittest
from typing import Any

from aws_emulator.policies import ALLOWED, DENIED, SILENT, Principal, Request, judge

ROLE = "arn:aws:iam::111111111111:role/path/operator"
SESSION = Principal("arn:aws:sts::111111111111:assumed-role/operator/s", "111111111111", ROLE)
ENI = "arn:aws:ec2:eu-central-1:111111111111:network-interface/eni-1"


def verdict(*statements: dict[str, Any], context: dict[str, Any] | None = None, **request: Any) -> str:
    asked = Request(**({"principal": SESSION, "action": "ec2:CreateTags", "resource": ENI} | request))
    asked.context = {key.lower(): value for key, value in (context or {}).items()}
    whole = [{"Effect": "Allow", "Action": "*", "Resource": "*"} | statement for statement in statements]
    return judge([{"Statement": whole}], asked, resource_policy=any("Principal" in one for one in statements))


class Statements(unittest.TestCase):
    def test_an_explicit_deny_wins_and_nothing_is_silent(self) -> None:
        self.assertEqual(verdict({}), ALLOWED)
        self.assertEqual(verdict({}, {"Effect": "Deny"}), DENIED)
        self.assertEqual(verdict(), SILENT)
        self.assertEqual(verdict({"Action": "ec2:DeleteTags"}), SILENT)

    def test_actions_and_resources_have_wildcards_and_opposites(self) -> None:
        for statement, expected in (
            ({"Action": ["ec2:create*"]}, ALLOWED),
            ({"Action": "ec2:Create?ags"}, ALLOWED),
            ({"NotAction": "ec2:CreateTags"}, SILENT),
            ({"NotAction": "iam:*"}, ALLOWED),
            ({"Resource": "arn:aws:ec2:*:*:network-interface/*"}, ALLOWED),
            ({"Resource": "arn:aws:ec2:*:*:instance/*"}, SILENT),
            ({"NotResource": "arn:aws:ec2:*:*:instance/*"}, ALLOWED),
            ({"Resource": "arn:aws:ec2:*:${aws:PrincipalAccount}:*"}, ALLOWED),
            ({"Resource": "arn:aws:ec2:*:${aws:PrincipalTag/team, 'none'}:*"}, SILENT),
        ):
            with self.subTest(statement=statement):
                self.assertEqual(verdict(statement, context={"aws:PrincipalAccount": ["111111111111"]}), expected)

    def test_principals_are_accounts_roles_sessions_and_services(self) -> None:
        service = Principal(service="events.amazonaws.com")
        for named, who, expected in (
            ("*", SESSION, ALLOWED),
            ({"AWS": "111111111111"}, SESSION, ALLOWED),
            ({"AWS": "arn:aws:iam::111111111111:root"}, SESSION, ALLOWED),
            ({"AWS": [ROLE]}, SESSION, ALLOWED),
            ({"AWS": SESSION.arn}, SESSION, ALLOWED),
            ({"AWS": "222222222222"}, SESSION, SILENT),
            ({"Service": "events.amazonaws.com"}, SESSION, SILENT),
            ({"Service": "events.amazonaws.com"}, service, ALLOWED),
            ({"AWS": "*"}, service, SILENT),
        ):
            with self.subTest(principal=named):
                self.assertEqual(verdict({"Principal": named}, principal=who), expected)


class Conditions(unittest.TestCase):
    def check(self, condition: dict[str, Any], met: bool, **context: Any) -> None:
        named = {name.replace("__", ":", 1).replace("__", "/"): value for name, value in context.items()}
        with self.subTest(condition=condition, context=named):
            self.assertEqual(verdict({"Condition": condition}, context=named) == ALLOWED, met)

    def test_all_keys_must_hold_and_of_a_key_one_value(self) -> None:
        both = {"StringEquals": {"aws:a": ["1", "2"], "aws:b": "3"}}
        self.check(both, True, aws__a=["2"], aws__b=["3"])
        self.check(both, False, aws__a=["2"], aws__b=["4"])
        self.check(both, False, aws__a=["2"])

    def test_a_key_is_known_in_any_case_and_a_value_only_in_its_own(self) -> None:
        self.check({"StringEquals": {"AWS:RequestTag/Team": "red"}}, True, aws__requesttag__team=["red"])
        self.check({"StringEquals": {"aws:RequestTag/team": "Red"}}, False, aws__requesttag__team=["red"])
        self.check({"StringLike": {"aws:a": "r*d"}}, True, aws__a=["red"])

    def test_a_negative_operator_holds_for_a_key_that_is_not_there(self) -> None:
        self.check({"StringNotEquals": {"aws:a": "1"}}, True)
        self.check({"StringNotEquals": {"aws:a": ["1", "2"]}}, False, aws__a=["2"])
        self.check({"ArnNotLike": {"aws:a": "arn:aws:*:*:*:x"}}, False, aws__a=["arn:aws:s:r:1:x"])

    def test_for_all_values_wants_each_and_for_any_value_one(self) -> None:
        every, some = ({f"{over}:StringLike": {"aws:TagKeys": ["q/*"]}} for over in ("ForAllValues", "ForAnyValue"))
        self.check(every, True, aws__TagKeys=["q/a", "q/b"])
        self.check(every, False, aws__TagKeys=["q/a", "other"])
        self.check(every, True)
        self.check(some, True, aws__TagKeys=["other", "q/b"])
        self.check(some, False, aws__TagKeys=["other"])
        self.check(some, False)

    def test_null_if_exists_and_bool(self) -> None:
        self.check({"Null": {"aws:a": "true"}}, True)
        self.check({"Null": {"aws:a": False}}, True, aws__a=["1"])
        self.check({"Null": {"aws:a": "true"}}, False, aws__a=["1"])
        self.check({"StringEqualsIfExists": {"aws:a": "1"}}, True)
        self.check({"StringEqualsIfExists": {"aws:a": "1"}}, False, aws__a=["2"])
        self.check({"Bool": {"aws:SecureTransport": False}}, False, aws__SecureTransport=["true"])
        self.check({"NumericLessThan": {"aws:a": "5"}}, True, aws__a=["4"])

    def test_an_arn_is_compared_part_by_part(self) -> None:
        rule = ["arn:aws:events:r:1:rule/q-1"]
        self.check({"ArnLike": {"aws:SourceArn": "arn:aws:events:*:1:rule/q-*"}}, True, aws__SourceArn=rule)
        self.check({"ArnEquals": {"aws:SourceArn": "arn:aws:*:rule/q-1"}}, False, aws__SourceArn=rule)

    def test_an_unknown_operator_is_an_error_not_a_yes(self) -> None:
        with self.assertRaises(NotImplementedError):
            verdict({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}})
