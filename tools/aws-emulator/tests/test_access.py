"""IAM in force: what a role's session may do by the role's policies, over HTTP."""

import json
from typing import Any

from .harness import ACCOUNT, REGION, Case
from .hub_case import numbers, product

TARGET = "444444444444"
TAG = "quarantine-operator.dev/uid"
INTERFACES = "arn:aws:ec2:*:*:network-interface/*"
GROUPS = "arn:aws:ec2:*:*:security-group/*"


class Access(Case):
    """Each test has a role in an account where access is enforced, and a VPC there made by the account's root."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.emulator.admin, "PUT", "access", {"enforced": False})
        self.emulator.admin("PUT", "access", {"enforced": True, "account": TARGET})
        self.ec2 = self.emulator.client("ec2", TARGET)
        self.vpc, self.subnet = self.make_vpc()
        self.iam = self.emulator.client("iam", TARGET)
        self.role = f"operator-{next(numbers)}"
        trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        self.arn = self.iam.create_role(
            RoleName=self.role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )["Role"]["Arn"]
        given = self.emulator.client("sts").assume_role(RoleArn=self.arn, RoleSessionName="s")["Credentials"]
        self.credentials = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }
        self.theirs = self.client("ec2")

    def client(self, service: str) -> Any:
        return self.emulator.client_with(self.credentials, service)

    def allow(self, *statements: dict[str, Any]) -> None:
        whole = [{"Effect": "Allow", "Resource": "*"} | statement for statement in statements]
        document = json.dumps({"Version": "2012-10-17", "Statement": whole})
        self.iam.put_role_policy(RoleName=self.role, PolicyName="p", PolicyDocument=document)

    def denied(self, service: str = "ec2") -> Any:
        code, status = {
            "ec2": ("UnauthorizedOperation", 403),
            "securityhub": ("AccessDeniedException", 403),
            "sqs": ("AccessDenied", 403),
            "sts": ("AccessDenied", 403),
        }[service]
        return self.refused(code, status)


class Ec2(Access):
    def test_a_role_without_policies_may_do_nothing_and_a_root_everything(self) -> None:
        with self.denied():
            self.theirs.describe_vpcs()
        self.assertTrue(self.ec2.describe_vpcs()["Vpcs"])
        self.client("sts").get_caller_identity()
        self.emulator.admin("PUT", "access", {"enforced": False, "account": TARGET})
        self.assertTrue(self.theirs.describe_vpcs()["Vpcs"])

    def test_a_denial_names_the_caller_the_action_and_the_resource(self) -> None:
        interface = self.make_interface()
        self.allow({"Action": "ec2:Describe*"})
        self.theirs.describe_network_interfaces()
        resource = f".*{TARGET}:network-interface/{interface}"
        with self.assertRaisesRegex(Exception, f"assumed-role/{self.role}/s .*ec2:CreateTags on resource: {resource}"):
            self.theirs.create_tags(Resources=[interface], Tags=[{"Key": "k", "Value": "v"}])

    def test_a_swap_needs_the_interface_and_each_group(self) -> None:
        interface, (good, other) = self.make_interface(), self.make_groups(2)
        self.ec2.create_tags(Resources=[good], Tags=[{"Key": "isolation", "Value": "yes"}])
        action = "ec2:ModifyNetworkInterfaceAttribute"
        tagged = {"StringEquals": {"aws:ResourceTag/isolation": "yes"}}
        self.allow(
            {"Action": action, "Resource": INTERFACES, "Condition": {"ArnLike": {"ec2:Vpc": f"arn:*:vpc/{self.vpc}"}}},
            {"Action": action, "Resource": GROUPS, "Condition": tagged},
        )
        with self.denied():
            self.theirs.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[good])
        vpc = f"arn:aws:ec2:{REGION}:{TARGET}:vpc/{self.vpc}"
        self.allow(
            {"Action": action, "Resource": INTERFACES, "Condition": {"ArnEquals": {"ec2:Vpc": vpc}}},
            {"Action": action, "Resource": GROUPS, "Condition": tagged},
        )
        self.theirs.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[good])
        self.assertEqual(self.groups_on(interface), [good])
        with self.denied():
            self.theirs.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[good, other])
        self.assertEqual(self.groups_on(interface), [good])

    def test_a_dry_run_asks_for_the_right_first(self) -> None:
        interface, (group,) = self.make_interface(), self.make_groups(1)
        with self.denied():
            self.theirs.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[group], DryRun=True)
        self.allow({"Action": "ec2:*"})
        with self.refused("DryRunOperation", 412):
            self.theirs.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[group], DryRun=True)

    def test_an_explicit_deny_by_a_tag_wins(self) -> None:
        interface = self.make_interface()
        deny = {"Effect": "Deny", "Action": "*", "Condition": {"StringEquals": {"ec2:ResourceTag/keep": "out"}}}
        self.allow({"Action": "ec2:*"}, deny)
        self.theirs.create_tags(Resources=[interface], Tags=[{"Key": "keep", "Value": "out"}])
        with self.denied():
            self.theirs.delete_tags(Resources=[interface], Tags=[{"Key": "keep"}])

    def test_tags_are_limited_to_the_operators_own_keys(self) -> None:
        interface = self.make_interface()
        keys = {"ForAllValues:StringLike": {"aws:TagKeys": ["quarantine-operator.dev/*"]}}
        self.allow({"Action": ["ec2:CreateTags", "ec2:DeleteTags"], "Resource": INTERFACES, "Condition": keys})
        self.theirs.create_tags(Resources=[interface], Tags=[{"Key": TAG, "Value": "u"}])
        with self.denied():
            self.theirs.create_tags(Resources=[interface], Tags=[{"Key": TAG, "Value": "u"}, {"Key": "x", "Value": ""}])
        with self.denied():
            self.theirs.create_tags(Resources=[self.vpc], Tags=[{"Key": TAG, "Value": "u"}])
        self.theirs.delete_tags(Resources=[interface], Tags=[{"Key": TAG}])
        self.assertEqual(self.tags_of(interface), {})

    def test_a_new_group_needs_its_vpc_its_tags_and_the_right_to_tag_on_creation(self) -> None:
        tags = [{"ResourceType": "security-group", "Tags": [{"Key": TAG, "Value": "u"}]}]
        make = {"Action": "ec2:CreateSecurityGroup", "Resource": ["arn:aws:ec2:*:*:vpc/*", GROUPS]}
        tag = {"Action": "ec2:CreateTags", "Resource": GROUPS}
        created = {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"}}
        tagged = {"Null": {f"aws:RequestTag/{TAG}": "false"}}

        def create(**params: Any) -> str:
            given = {"GroupName": "isolated", "Description": "d", "VpcId": self.vpc} | params
            return self.theirs.create_security_group(**given)["GroupId"]

        for statements in ([make | {"Resource": GROUPS}, tag], [make], [make | {"Condition": tagged}, tag]):
            self.allow(*statements)
            with self.denied():
                create(TagSpecifications=tags)
        alone = {"Action": "ec2:CreateSecurityGroup", "Resource": "arn:aws:ec2:*:*:vpc/*"}
        self.allow(alone, make | {"Resource": GROUPS, "Condition": tagged}, tag | {"Condition": created})
        with self.denied():
            create()
        group = create(TagSpecifications=tags)
        with self.denied():
            self.theirs.create_tags(Resources=[group], Tags=[{"Key": TAG, "Value": "v"}])

    def test_rules_of_a_group_are_kept_by_its_tag(self) -> None:
        mine, other = self.make_groups(2)
        self.ec2.create_tags(Resources=[mine], Tags=[{"Key": TAG, "Value": "u"}])
        self.allow(
            {
                "Action": ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
                "Resource": GROUPS,
                "Condition": {"StringEquals": {f"aws:ResourceTag/{TAG}": "u"}},
            }
        )
        rule = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
        self.theirs.authorize_security_group_ingress(GroupId=mine, IpPermissions=rule)
        with self.denied():
            self.theirs.authorize_security_group_ingress(GroupId=other, IpPermissions=rule)

    def test_an_attached_policy_counts_like_an_inline_one(self) -> None:
        statement = {"Effect": "Allow", "NotAction": "ec2:Delete*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        policy = self.iam.create_policy(PolicyName=self.role, PolicyDocument=document)["Policy"]["Arn"]
        self.iam.attach_role_policy(RoleName=self.role, PolicyArn=policy)
        self.theirs.describe_vpcs()
        with self.denied():
            self.theirs.delete_vpc(VpcId=self.vpc)


class OtherServices(Access):
    def setUp(self) -> None:
        super().setUp()
        self.root_sqs = self.emulator.client("sqs", TARGET)
        self.url = self.root_sqs.create_queue(QueueName=f"access-{next(numbers)}")["QueueUrl"]
        self.queue = f"arn:aws:sqs:{REGION}:{TARGET}:{self.url.rpartition('/')[2]}"
        self.sqs = self.client("sqs")

    def test_a_queue_is_used_by_its_arn_and_batches_by_the_single_action(self) -> None:
        self.root_sqs.send_message(QueueUrl=self.url, MessageBody="a")
        self.allow({"Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"], "Resource": self.queue})
        (message,) = self.sqs.receive_message(QueueUrl=self.url)["Messages"]
        entries = [{"Id": "1", "ReceiptHandle": message["ReceiptHandle"]}]
        self.assertEqual(len(self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)["Successful"]), 1)
        with self.denied("sqs"):
            self.sqs.send_message(QueueUrl=self.url, MessageBody="forged")
        other = self.root_sqs.create_queue(QueueName=f"access-{next(numbers)}")["QueueUrl"]
        with self.denied("sqs"):
            self.sqs.receive_message(QueueUrl=other)

    def test_a_queues_policy_may_let_a_role_in_and_keep_it_out(self) -> None:
        def say(effect: str, principal: str) -> None:
            statement = {"Effect": effect, "Principal": {"AWS": principal}, "Action": "sqs:*", "Resource": self.queue}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            self.root_sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

        say("Allow", TARGET)
        with self.denied("sqs"):
            self.sqs.send_message(QueueUrl=self.url, MessageBody="a")
        say("Allow", self.arn)
        self.sqs.send_message(QueueUrl=self.url, MessageBody="a")
        self.allow({"Action": "sqs:*"})
        say("Deny", self.arn)
        with self.denied("sqs"):
            self.sqs.send_message(QueueUrl=self.url, MessageBody="a")

    def test_findings_are_updated_but_not_suppressed(self) -> None:
        root = self.emulator.client("securityhub", TARGET)
        root.enable_security_hub()
        self.addCleanup(root.disable_security_hub)
        hub, named = self.client("securityhub"), [{"Id": "a", "ProductArn": product(TARGET)}]
        with self.denied("securityhub"):
            hub.get_findings()
        suppress = {"StringEquals": {"securityhub:ASFFSyntaxPath/Workflow.Status": "SUPPRESSED"}}
        severity = {"Null": {"securityhub:ASFFSyntaxPath/Severity.Label": "false"}}
        fields = {"Null": {"securityhub:ASFFSyntaxPath/UserDefinedFields.key": "false"}}
        actions = ["securityhub:GetFindings", "securityhub:BatchUpdateFindings"]
        self.allow(
            {"Action": actions, "Resource": f"arn:aws:securityhub:*:{TARGET}:hub/default"},
            {"Effect": "Deny", "Action": actions[1], "Condition": suppress},
            {"Effect": "Deny", "Action": actions[1], "Condition": severity},
            {"Effect": "Deny", "Action": actions[1], "Condition": fields},
        )
        hub.get_findings()
        note = {"Text": "t", "UpdatedBy": "me"}
        hub.batch_update_findings(FindingIdentifiers=named, Workflow={"Status": "NOTIFIED"}, Note=note)
        for changes in (
            {"Workflow": {"Status": "SUPPRESSED"}},
            {"Severity": {"Label": "LOW"}},
            {"UserDefinedFields": {"k": "v"}},
        ):
            with self.denied("securityhub"):
                hub.batch_update_findings(FindingIdentifiers=named, **changes)

    def test_findings_of_the_newer_hub_go_by_the_same_actions_and_keys_of_their_own(self) -> None:
        root = self.emulator.client("securityhub", TARGET)
        root.enable_security_hub_v2()
        self.addCleanup(root.disable_security_hub_v2)
        hub, change = self.client("securityhub"), {"MetadataUids": ["none"]}
        suppress = {"StringEquals": {"securityhub:OCSFSyntaxPath/StatusId": "3"}}
        severity = {"Null": {"securityhub:OCSFSyntaxPath/SeverityId": "false"}}
        actions = ["securityhub:GetFindings", "securityhub:BatchUpdateFindings"]
        self.allow({"Action": actions, "Resource": f"arn:aws:securityhub:*:{TARGET}:hub/default"})
        with self.denied("securityhub"):
            hub.get_findings_v2()
        self.allow(
            {"Action": actions, "Resource": f"arn:aws:securityhub:*:{TARGET}:hubv2/*"},
            {"Effect": "Deny", "Action": actions[1], "Condition": suppress},
            {"Effect": "Deny", "Action": actions[1], "Condition": severity},
        )
        hub.get_findings_v2()
        hub.batch_update_findings_v2(**change, Comment="c", StatusId=2)
        for changes in ({"StatusId": 3}, {"StatusId": 2, "SeverityId": 1}):
            with self.denied("securityhub"):
                hub.batch_update_findings_v2(**change, **changes)

    def test_a_role_becomes_another_only_if_it_may(self) -> None:
        sts = self.client("sts")
        trust = {"Effect": "Allow", "Principal": {"AWS": TARGET}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam = self.emulator.client("iam", "555555555555")
        arn = iam.create_role(RoleName=self.role, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        with self.denied("sts"):
            sts.assume_role(RoleArn=arn, RoleSessionName="s")
        let = {"Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::*:role/{self.role}"}
        self.allow(let)
        sts.assume_role(RoleArn=arn, RoleSessionName="s")
        both = {"StringEquals": {"sts:ExternalId": "secret", "aws:ResourceOrgID": "o-1"}}
        self.allow(let | {"Condition": both})
        self.addCleanup(self.emulator.admin, "PUT", "organization", {"id": "o-1", "accounts": []})
        with self.denied("sts"):
            sts.assume_role(RoleArn=arn, RoleSessionName="s", ExternalId="secret")
        self.emulator.admin("PUT", "organization", {"id": "o-1", "accounts": ["555555555555"]})
        sts.assume_role(RoleArn=arn, RoleSessionName="s", ExternalId="secret")
        with self.denied("sts"):
            sts.assume_role(RoleArn=arn, RoleSessionName="s")
