"""CloudFormation: what is there after a stack was made, updated and deleted."""

import json
from typing import Any

from .harness import ACCOUNT, REGION, Case
from .hub_case import numbers
from .proofs import proves

ALLOW_RULE = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
    "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]}}},
}
TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  VpcId: {Type: "AWS::EC2::VPC::Id"}
  Cidrs: {Type: CommaDelimitedList, Default: "10.0.0.0/8,192.168.0.0/16"}
  OperatorArn: {Type: String, Default: "arn:aws:iam::123456789012:root"}
  ExternalId: {Type: String, Default: ""}
  Letters: {Type: String, Default: "yes"}
Conditions:
  HasExternalId: !Not [!Equals [!Ref ExternalId, ""]]
  HasLetters: !Equals [!Ref Letters, "yes"]
Resources:
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: Isolated
      VpcId: !Ref VpcId
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !Select [0, !Ref Cidrs], Description: SSH}
        - {IpProtocol: tcp, FromPort: 3389, ToPort: 3389, CidrIp: !Select [1, !Ref Cidrs]}
      SecurityGroupEgress:
        - {IpProtocol: "-1", CidrIp: 127.0.0.1/32, Description: none}
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      SqsManagedSseEnabled: true
      MessageRetentionPeriod: 86400
      VisibilityTimeout: 60
      RedrivePolicy: !If
        - HasLetters
        - {deadLetterTargetArn: !GetAtt DeadLetters.Arn, maxReceiveCount: 5}
        - !Ref AWS::NoValue
  DeadLetters:
    Type: AWS::SQS::Queue
    Properties: {MessageRetentionPeriod: 1209600}
  Policy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: events.amazonaws.com}
            Action: sqs:SendMessage
            Resource: !GetAtt Queue.Arn
            Condition: {ArnEquals: {"aws:SourceArn": !GetAtt Rule.Arn}}
          - !If
            - HasExternalId
            - {Effect: Deny, Principal: {AWS: "*"}, Action: sqs:SendMessage, Resource: "*"}
            - !Ref AWS::NoValue
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern:
        source: [aws.securityhub]
        resources: [!Sub "arn:${AWS::Partition}:securityhub:${AWS::Region}:${AWS::AccountId}:action/custom/${Letters}"]
      Targets:
        - {Id: queue, Arn: !GetAtt Queue.Arn, DeadLetterConfig: {Arn: !GetAtt DeadLetters.Arn}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {AWS: !Ref OperatorArn}
            Action: sts:AssumeRole
            Condition: !If
              - HasExternalId
              - {StringEquals: {"sts:ExternalId": !Ref ExternalId}}
              - !Ref AWS::NoValue
      ManagedPolicyArns: [!Ref Managed]
      Policies:
        - PolicyName: read
          PolicyDocument:
            Version: 2012-10-17
            Statement: [{Effect: Allow, Action: "ec2:Describe*", Resource: "*"}]
  Managed:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: "sqs:ReceiveMessage", Resource: !GetAtt Queue.Arn}]
  Inline:
    Type: AWS::IAM::Policy
    Condition: HasLetters
    Properties:
      PolicyName: letters
      Roles: [!Ref Role]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: "sqs:*", Resource: !GetAtt DeadLetters.Arn}]
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Condition: HasLetters
    Properties:
      ComparisonOperator: GreaterThanThreshold
      Threshold: 0
      EvaluationPeriods: 1
      Metrics:
        - {Id: sum, Expression: "FILL(dead, 0)", ReturnData: true}
        - Id: dead
          ReturnData: false
          MetricStat:
            Period: 300
            Stat: Maximum
            Metric:
              Namespace: AWS/SQS
              MetricName: ApproximateNumberOfMessagesVisible
              Dimensions: [{Name: QueueName, Value: !GetAtt DeadLetters.QueueName}]
Outputs:
  QueueUrl: {Value: !Ref Queue}
  GroupId: {Value: !GetAtt Group.GroupId}
  RoleArn: {Value: !GetAtt Role.Arn}
  Parts: {Value: !Join ["-", !Split [",", "a,b"]]}
  Letters: {Condition: HasLetters, Value: !GetAtt DeadLetters.Arn}
"""


class Stacks(Case):
    def setUp(self) -> None:
        super().setUp()
        self.stacks = self.emulator.client("cloudformation")
        self.sqs, self.iam, self.events = (self.emulator.client(name) for name in ("sqs", "iam", "events"))
        self.name = f"stack-{next(numbers)}"

    def make(self, template: str = TEMPLATE, **params: Any) -> dict[str, str]:
        self.stacks.create_stack(**self.params(template, **params))
        self.addCleanup(self.stacks.delete_stack, StackName=self.name)
        return self.outputs()

    def update(self, template: str = TEMPLATE, **params: Any) -> dict[str, str]:
        self.stacks.update_stack(**self.params(template, **params))
        return self.outputs()

    def params(self, template: str, capability: str = "CAPABILITY_IAM", **params: str) -> dict[str, Any]:
        given = {"VpcId": self.vpc} | params if "VpcId:" in template else params
        return {
            "StackName": self.name,
            "TemplateBody": template,
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
            "Capabilities": [capability] if capability else [],
        }

    def outputs(self) -> dict[str, str]:
        (stack,) = self.stacks.describe_stacks(StackName=self.name)["Stacks"]
        self.assertIn(stack["StackStatus"], ("CREATE_COMPLETE", "UPDATE_COMPLETE"))
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def id_of(self, logical: str) -> str:
        found = self.stacks.describe_stack_resource(StackName=self.name, LogicalResourceId=logical)
        return found["StackResourceDetail"]["PhysicalResourceId"]

    def attributes(self, url: str) -> dict[str, str]:
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    def group(self, id: str) -> dict[str, Any]:
        return self.ec2.describe_security_groups(GroupIds=[id])["SecurityGroups"][0]

    def role(self) -> str:
        return self.id_of("Role")

    @proves("stack-groups")
    def test_a_group_has_exactly_its_rules_and_keeps_its_id(self) -> None:
        id = self.make()["GroupId"]
        group = self.group(id)
        (egress,) = group["IpPermissionsEgress"]
        self.assertEqual(egress["IpRanges"], [{"CidrIp": "127.0.0.1/32", "Description": "none"}])
        self.assertEqual(
            {(rule["FromPort"], rule["IpRanges"][0]["CidrIp"]) for rule in group["IpPermissions"]},
            {(22, "10.0.0.0/8"), (3389, "192.168.0.0/16")},
        )
        self.addCleanup(self.ec2.delete_network_interface, NetworkInterfaceId=self.make_interface(id))
        self.assertEqual(self.update(Cidrs="10.1.0.0/16,10.2.0.0/16")["GroupId"], id)
        cidrs = {rule["IpRanges"][0]["CidrIp"] for rule in self.group(id)["IpPermissions"]}
        self.assertEqual(cidrs, {"10.1.0.0/16", "10.2.0.0/16"})

    @proves("stack-groups")
    def test_a_group_without_egress_rules_allows_all(self) -> None:
        resource = {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": "d",
                "VpcId": self.vpc,
                "SecurityGroupIngress": [{"IpProtocol": "-1", "CidrIpv6": "fd00::/8"}],
            },
        }
        self.make(json.dumps({"Resources": {"Group": resource}}))
        group = self.group(self.id_of("Group"))
        self.assertEqual(group["IpPermissionsEgress"][0]["IpRanges"], [{"CidrIp": "0.0.0.0/0"}])
        self.assertEqual(group["IpPermissions"][0]["Ipv6Ranges"], [{"CidrIpv6": "fd00::/8"}])

    @proves("stack-queues")
    def test_a_queue_is_changed_in_place_to_what_the_template_says(self) -> None:
        url = self.make()["QueueUrl"]
        made = self.attributes(url)
        self.assertEqual(json.loads(made["RedrivePolicy"])["maxReceiveCount"], 5)
        self.assertEqual(
            [made[name] for name in ("SqsManagedSseEnabled", "MessageRetentionPeriod", "VisibilityTimeout")],
            ["true", "86400", "60"],
        )
        changed = TEMPLATE.replace("MessageRetentionPeriod: 86400", "DelaySeconds: 0").replace("out: 60", "out: 90")
        self.assertEqual(self.update(changed, Letters="no")["QueueUrl"], url)
        after = self.attributes(url)
        self.assertNotIn("RedrivePolicy", after)
        self.assertEqual((after["MessageRetentionPeriod"], after["VisibilityTimeout"]), ("345600", "90"))
        self.assertIn("aws:SourceArn", after["Policy"])

    @proves("stack-queue-policies")
    def test_a_rule_reaches_its_queue_by_the_policy_of_the_stack(self) -> None:
        url = self.make()["QueueUrl"]
        self.send_action("yes")
        (message,) = self.sqs.receive_message(QueueUrl=url)["Messages"]
        self.assertEqual(json.loads(message["Body"])["account"], ACCOUNT)
        policy = json.loads(self.attributes(url)["Policy"])
        self.assertEqual(len(policy["Statement"]), 1)

    @proves("stack-rules")
    def test_a_rule_keeps_its_name_and_reaches_its_queue_after_an_update(self) -> None:
        url = self.make()["QueueUrl"]
        name = self.id_of("Rule")
        self.update(Letters="other")
        self.assertEqual(self.id_of("Rule"), name)
        (target,) = self.events.list_targets_by_rule(Rule=name)["Targets"]
        self.assertIn("DeadLetterConfig", target)
        self.send_action("yes")
        self.assertNotIn("Messages", self.sqs.receive_message(QueueUrl=url))
        self.send_action("other")
        self.assertEqual(len(self.sqs.receive_message(QueueUrl=url)["Messages"]), 1)

    def send_action(self, id: str) -> None:
        arn = f"arn:aws:securityhub:{REGION}:{ACCOUNT}:action/custom/{id}"
        entry = {"Source": "aws.securityhub", "DetailType": "x", "Detail": "{}", "Resources": [arn]}
        self.events.put_events(Entries=[entry])

    @proves("stack-roles")
    def test_a_role_has_its_policies_and_is_changed(self) -> None:
        self.make()
        role = self.role()
        self.assertEqual(set(self.iam.list_role_policies(RoleName=role)["PolicyNames"]), {"read", "letters"})
        document = self.iam.get_role_policy(RoleName=role, PolicyName="read")["PolicyDocument"]
        self.assertEqual((document["Version"], document["Statement"][0]["Action"]), ("2012-10-17", "ec2:Describe*"))
        attached = self.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        self.assertEqual([one["PolicyArn"] for one in attached], [self.id_of("Managed")])
        self.assertNotIn("Condition", self.trust(role))
        self.update(TEMPLATE.replace("ec2:Describe*", "ec2:*"), ExternalId="secret")
        self.assertEqual(self.trust(role)["Condition"], {"StringEquals": {"sts:ExternalId": "secret"}})
        document = self.iam.get_role_policy(RoleName=role, PolicyName="read")["PolicyDocument"]
        self.assertEqual(document["Statement"][0]["Action"], "ec2:*")

    def trust(self, role: str) -> dict[str, Any]:
        return self.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]

    @proves("stack-managed-policies")
    def test_a_managed_policy_is_changed_and_goes_with_the_stack(self) -> None:
        self.make()
        arn, role = self.id_of("Managed"), self.role()
        self.update(TEMPLATE.replace("sqs:ReceiveMessage", "sqs:DeleteMessage"))
        self.assertEqual(self.id_of("Managed"), arn)
        version = self.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found = self.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        self.assertEqual(found["Statement"][0]["Action"], "sqs:DeleteMessage")
        self.stacks.delete_stack(StackName=self.name)
        for call in (lambda: self.iam.get_policy(PolicyArn=arn), lambda: self.iam.get_role(RoleName=role)):
            with self.refused("NoSuchEntity", 404):
                call()

    @proves("no-value-in-lists")
    def test_no_value_takes_an_entry_out_of_a_list(self) -> None:
        url = self.make()["QueueUrl"]
        self.assertEqual(len(json.loads(self.attributes(url)["Policy"])["Statement"]), 1)
        self.update(ExternalId="x")
        self.assertEqual(len(json.loads(self.attributes(url)["Policy"])["Statement"]), 2)

    @proves("list-defaults")
    def test_a_default_of_a_list_is_a_list(self) -> None:
        template = {
            "Parameters": {"Names": {"Type": "CommaDelimitedList", "Default": "a,b"}},
            "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {"Joined": {"Value": {"Fn::Join": ["-", {"Ref": "Names"}]}}},
        }
        self.assertEqual(self.make(json.dumps(template)), {"Joined": "a-b"})

    @proves("stack-updates")
    def test_an_update_follows_parameters_into_sub_and_conditions(self) -> None:
        self.assertIn("Letters", self.make())
        self.assertNotIn("Letters", self.update(Letters="no"))
        self.assertEqual(self.iam.list_role_policies(RoleName=self.role())["PolicyNames"], ["read"])
        pattern = json.loads(self.events.describe_rule(Name=self.id_of("Rule"))["EventPattern"])
        self.assertTrue(pattern["resources"][0].endswith("action/custom/no"))
        self.assertIn("Letters", self.update(Letters="yes"))
        self.assertEqual(len(self.iam.list_role_policies(RoleName=self.role())["PolicyNames"]), 2)

    @proves("stack-alarms")
    def test_an_alarm_measures_what_the_template_says_and_goes_with_its_condition(self) -> None:
        self.make()
        watch = self.emulator.client("cloudwatch")
        name = self.id_of("Alarm")
        (alarm,) = watch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        (_, dead) = alarm["Metrics"]
        (dimension,) = dead["MetricStat"]["Metric"]["Dimensions"]
        self.assertEqual(dimension["Value"], self.id_of("DeadLetters").rpartition("/")[2])
        self.update(Letters="no")
        self.assertEqual(watch.describe_alarms(AlarmNames=[name])["MetricAlarms"], [])

    @proves("shown-resources")
    def test_a_resource_whose_condition_is_false_is_not_shown(self) -> None:
        self.make(Letters="no")
        described = self.stacks.describe_stack_resources(StackName=self.name)["StackResources"]
        listed = self.stacks.list_stack_resources(StackName=self.name)["StackResourceSummaries"]
        for shown in (described, listed):
            self.assertNotIn(None, [one.get("ResourceType") for one in shown])
            self.assertEqual({"Inline", "Alarm"} & {one["LogicalResourceId"] for one in shown}, set())

    def test_previous_template_and_values_stay_where_they_are_asked_for(self) -> None:
        self.make(ExternalId="secret")
        kept = [{"ParameterKey": key, "UsePreviousValue": True} for key in ("VpcId", "ExternalId")]
        self.stacks.update_stack(
            StackName=self.name,
            UsePreviousTemplate=True,
            Parameters=[*kept, {"ParameterKey": "Letters", "ParameterValue": "no"}],
            Capabilities=["CAPABILITY_IAM"],
        )
        self.assertNotIn("Letters", self.outputs())
        self.assertEqual(self.trust(self.role())["Condition"], {"StringEquals": {"sts:ExternalId": "secret"}})

    @proves("unknown-types")
    def test_a_type_that_does_not_exist_makes_no_stack(self) -> None:
        action = {"Type": "AWS::SecurityHub::ActionTarget", "Properties": {}}
        with self.refused("ValidationError"):
            self.stacks.create_stack(**self.params(json.dumps({"Resources": {"Action": action}})))
        with self.refused("ValidationError"):
            self.stacks.describe_stacks(StackName=self.name)

    @proves("iam-capabilities")
    def test_roles_need_a_capability_and_named_ones_another(self) -> None:
        with self.refused("InsufficientCapabilitiesException"):
            self.stacks.create_stack(**self.params(TEMPLATE, capability=""))
        property = "      AssumeRolePolicyDocument"
        named = TEMPLATE.replace(property, f"      RoleName: mine\n{property}")
        with self.refused("InsufficientCapabilitiesException"):
            self.stacks.create_stack(**self.params(named))
        self.make(named, capability="CAPABILITY_NAMED_IAM")

    def test_a_deleted_stack_leaves_nothing(self) -> None:
        made = self.make()
        name = self.id_of("Rule")
        self.assertEqual(made["Parts"], "a-b")
        self.stacks.delete_stack(StackName=self.name)
        with self.refused("AWS.SimpleQueueService.NonExistentQueue"):
            self.attributes(made["QueueUrl"])
        with self.refused("InvalidGroup.NotFound"):
            self.group(made["GroupId"])
        with self.refused("ResourceNotFoundException"):
            self.events.describe_rule(Name=name)
