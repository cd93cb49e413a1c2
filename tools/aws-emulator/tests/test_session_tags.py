"""Session tags: given, inherited, asked for; and the sessions that EKS Pod Identity gives to pods."""

import json
from typing import Any

from .harness import ACCOUNT, REGION
from .hub_case import numbers
from .proofs import proves
from .test_access import TARGET, Access

FURTHER = "555555555555"
CLUSTER = f"arn:aws:eks:{REGION}:{TARGET}:cluster/prod"
BOTH = ["sts:AssumeRole", "sts:TagSession"]


class Sessions(Access):
    """A role of `TARGET`, whose session tries to become another role in a further account."""

    def setUp(self) -> None:
        super().setUp()
        self.further = f"arn:aws:iam::{FURTHER}:role/{self.role}"
        self.further_iam = self.emulator.client("iam", FURTHER)
        self.further_iam.create_role(RoleName=self.role, AssumeRolePolicyDocument=self.trust(BOTH))
        self.allow({"Action": BOTH, "Resource": self.further})

    def trust(self, action: Any, principal: Any = None, **statement: Any) -> str:
        one = {"Effect": "Allow", "Principal": principal or {"AWS": TARGET}, "Action": action} | statement
        return json.dumps({"Version": "2012-10-17", "Statement": [one]})

    def further_trusts(self, *statements: dict[str, Any]) -> None:
        whole = [{"Effect": "Allow", "Principal": {"AWS": TARGET}} | statement for statement in statements]
        document = json.dumps({"Version": "2012-10-17", "Statement": whole})
        self.further_iam.update_assume_role_policy(RoleName=self.role, PolicyDocument=document)

    def session(self, role: str, by: dict[str, str] | None = None, **params: Any) -> dict[str, str]:
        sts = self.emulator.client_with(by, "sts") if by else self.emulator.client("sts")
        given = sts.assume_role(RoleArn=role, RoleSessionName="s", **params)["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def tagged(self, transitive: bool = True) -> dict[str, str]:
        """A session of the role with a tag."""
        self.iam.update_assume_role_policy(
            RoleName=self.role, PolicyDocument=self.trust(BOTH, principal={"AWS": ACCOUNT})
        )
        keys = {"TransitiveTagKeys": ["team"]} if transitive else {}
        return self.session(self.arn, Tags=[{"Key": "team", "Value": "red"}], **keys)


class SessionTags(Sessions):
    def test_the_right_to_pass_tags_is_asked_of_both_sides_and_only_where_there_are_some(self) -> None:
        self.allow({"Action": "sts:AssumeRole", "Resource": self.further})
        self.further_trusts({"Action": "sts:AssumeRole"})
        self.session(self.further, by=self.credentials)
        self.session(self.further, by=self.tagged(transitive=False))

    @proves("session-tags")
    def test_given_tags_need_the_right_in_the_trust(self) -> None:
        with self.refused("AccessDenied", 403):
            self.session(self.arn, Tags=[{"Key": "team", "Value": "red"}])
        self.iam.update_assume_role_policy(
            RoleName=self.role, PolicyDocument=self.trust(BOTH, principal={"AWS": ACCOUNT})
        )
        self.session(self.arn, Tags=[{"Key": "team", "Value": "red"}])

    @proves("session-tags")
    def test_inherited_tags_need_the_right_in_the_trust(self) -> None:
        session = self.tagged()
        self.session(self.further, by=session)
        self.further_trusts({"Action": "sts:AssumeRole"})
        with self.assertRaisesRegex(Exception, f"perform: sts:TagSession on resource: {self.further}"):
            self.session(self.further, by=session)

    @proves("session-tags")
    def test_inherited_tags_need_the_right_in_the_callers_policies(self) -> None:
        session = self.tagged()
        self.allow({"Action": "sts:AssumeRole", "Resource": self.further})
        with self.denied("sts"):
            self.session(self.further, by=session)
        self.allow({"Action": BOTH, "Resource": self.further})
        self.session(self.further, by=session)

    @proves("session-tags")
    def test_a_tag_is_the_principals_and_goes_along_where_it_is_transitive(self) -> None:
        red = {"StringEquals": {"aws:PrincipalTag/Team": "red"}}
        self.further_trusts({"Action": BOTH, "Condition": red})
        with self.denied("sts"):
            self.session(self.further, by=self.credentials)
        self.session(self.further, by=self.tagged(transitive=False))
        third = f"third-{next(numbers)}"
        trust = self.trust(BOTH, principal={"AWS": FURTHER}, Condition=red)
        arn = self.iam.create_role(RoleName=third, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        self.session(arn, by=self.session(self.further, by=self.tagged()))
        with self.denied("sts"):
            self.session(arn, by=self.session(self.further, by=self.tagged(transitive=False)))

    @proves("session-tags")
    def test_the_external_id_is_no_key_of_the_right_to_pass_tags(self) -> None:
        ours = {"StringEquals": {"sts:ExternalId": "ours"}}
        session = self.tagged()
        self.further_trusts({"Action": BOTH, "Condition": ours})
        with self.denied("sts"):
            self.session(self.further, by=session, ExternalId="ours")
        self.further_trusts({"Action": "sts:AssumeRole", "Condition": ours}, {"Action": "sts:TagSession"})
        self.session(self.further, by=session, ExternalId="ours")
        with self.denied("sts"):
            self.session(self.further, by=session, ExternalId="theirs")

    @proves("session-tags")
    def test_a_key_that_is_inherited_is_not_passed_again(self) -> None:
        with self.refused("InvalidParameterValue"):
            self.session(self.further, by=self.tagged(), Tags=[{"Key": "team", "Value": "blue"}])


class PodIdentity(Sessions):
    def associate(self, namespace: str = "ns", account: str = "sa") -> str:
        """Where the pod gets its credentials."""
        wanted = {"roleArn": self.arn, "clusterArn": CLUSTER, "namespace": namespace, "serviceAccount": account}
        return f"/_emulator/pod-identity/{self.emulator.admin('POST', 'pod-identity', wanted)['id']}"

    def trust_eks(self, action: Any, **statement: Any) -> None:
        document = self.trust(action, principal={"Service": "pods.eks.amazonaws.com"}, **statement)
        self.iam.update_assume_role_policy(RoleName=self.role, PolicyDocument=document)

    def pod(self, where: str) -> dict[str, str]:
        status, answer = self.emulator.request("GET", where, None, {})
        self.assertEqual(status, 200, answer)
        given = json.loads(answer)
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["Token"],
        }

    def test_a_pod_gets_a_session_of_its_role_whose_tags_tell_who_it_is(self) -> None:
        self.trust_eks(BOTH)
        session = self.pod(self.associate())
        who = self.emulator.client_with(session, "sts").get_caller_identity()["Arn"]
        self.assertRegex(who, f"^arn:aws:sts::{TARGET}:assumed-role/{self.role}/eks-prod-sa-")
        tags = {"kubernetes-namespace": "ns", "kubernetes-service-account": "sa", "eks-cluster-arn": CLUSTER}
        self.further_trusts(
            {"Action": BOTH, "Condition": {"StringEquals": {f"aws:PrincipalTag/{key}": tags[key] for key in tags}}}
        )
        self.session(self.further, by=session)
        with self.denied("sts"):
            self.session(self.further, by=self.pod(self.associate(namespace="other")))

    def test_the_roles_trust_tells_which_pods_get_it(self) -> None:
        where = self.associate()
        condition = {
            "StringEquals": {"aws:SourceAccount": TARGET, "aws:RequestTag/kubernetes-namespace": "ns"},
            "ArnEquals": {"aws:SourceArn": CLUSTER},
        }
        self.trust_eks(BOTH, Condition=condition)
        self.pod(where)
        for change in (
            lambda: self.trust_eks("sts:AssumeRole"),
            lambda: self.trust_eks(BOTH, Condition={"ArnEquals": {"aws:SourceArn": f"{CLUSTER}-2"}}),
            lambda: self.trust_eks(BOTH, Condition={"StringEquals": {"aws:RequestTag/kubernetes-namespace": "o"}}),
        ):
            change()
            status, answer = self.emulator.request("GET", where, None, {})
            self.assertEqual(status, 403, answer)
            self.assertIn("pods.eks.amazonaws.com is not authorized", answer)
