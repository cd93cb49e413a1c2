"""Accounts: who may become whom, and that each sees only its own."""

import json
from typing import Any

from .harness import ACCOUNT, REGION, Case
from .hub_case import numbers
from .proofs import proves

TARGET = "222222222222"


class Accounts(Case):
    def setUp(self) -> None:
        super().setUp()
        self.sts = self.emulator.client("sts")
        self.name = f"quarantine-{self.vpc}"
        self.arn = f"arn:aws:iam::{TARGET}:role/{self.name}"

    def make_role(self, principal: str = f"arn:aws:iam::{ACCOUNT}:root", condition: Any = None) -> None:
        statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
        if condition:
            statement["Condition"] = condition
        self.emulator.client("iam", account=TARGET).create_role(
            RoleName=self.name,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )

    def assume(self, **params: str) -> dict[str, str]:
        given = self.sts.assume_role(RoleArn=self.arn, RoleSessionName="test", **params)["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def test_a_session_of_another_accounts_role_speaks_for_that_account(self) -> None:
        self.make_role()
        who = self.emulator.client_with(self.assume(), "sts").get_caller_identity()
        self.assertEqual(who["Account"], TARGET)
        self.assertEqual(who["Arn"], f"arn:aws:sts::{TARGET}:assumed-role/{self.name}/test")
        self.assertEqual(self.sts.get_caller_identity()["Account"], ACCOUNT)

    def test_each_account_and_region_has_resources_of_its_own(self) -> None:
        self.make_role()
        instance = self.launch()
        there = self.emulator.client_with(self.assume())
        for ec2 in (there, self.emulator.client(region="us-west-2")):
            with self.refused("InvalidInstanceID.NotFound"):
                ec2.describe_instances(InstanceIds=[instance])
        mine = there.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        found = self.emulator.client(account=TARGET, region=REGION).describe_vpcs(VpcIds=[mine])["Vpcs"]
        self.assertEqual(found[0]["OwnerId"], TARGET)

    @proves("denied-status")
    @proves("trust-policy")
    def test_a_role_that_does_not_exist_is_denied(self) -> None:
        with self.refused("AccessDenied", status=403):
            self.assume()

    @proves("trust-policy")
    def test_another_external_id_is_denied(self) -> None:
        self.make_role(condition={"StringEquals": {"sts:ExternalId": "right"}})
        for params in ({}, {"ExternalId": "wrong"}):
            with self.refused("AccessDenied", status=403):
                self.assume(**params)
        self.assume(ExternalId="right")

    def test_a_condition_on_the_caller_or_the_session_is_looked_at(self) -> None:
        self.emulator.admin("PUT", "organization", {"id": "o-1", "accounts": [ACCOUNT]})
        self.addCleanup(self.emulator.admin, "PUT", "organization", {"id": "o-1", "accounts": []})
        for condition, let in (
            ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:*"}}, True),
            ({"StringLike": {"sts:RoleSessionName": "te*"}}, True),
            ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, True),
            ({"StringEquals": {"aws:PrincipalOrgID": "o-2"}}, False),
        ):
            with self.subTest(condition=condition):
                self.name = f"quarantine-{next(numbers)}-{self.vpc}"
                self.arn = f"arn:aws:iam::{TARGET}:role/{self.name}"
                self.make_role(condition=condition)
                if let:
                    self.assume()
                else:
                    with self.refused("AccessDenied", status=403):
                        self.assume()

    @proves("trust-policy")
    def test_a_caller_whom_the_role_does_not_trust_is_denied(self) -> None:
        self.make_role(principal="arn:aws:iam::333333333333:root")
        with self.refused("AccessDenied", status=403):
            self.assume()
