"""Ready-made situations for the demo and for playing: `python -m aws_emulator.scenario COMMAND`.

    two-interfaces   an instance with two interfaces of different groups, in a VPC of its own
    show             the groups on each interface of an instance
    drift            puts other groups on an interface, as somebody's automation would
    press            presses a Security Hub custom action on a finding, as a person in the console would
    import-v2        puts the OCSF findings of a JSON file into the newer Security Hub, as a product would
    enforce          holds the sessions of roles to their policies from now on

All but the last three, which AWS has no call for, go through boto3 over HTTP, as any AWS client's calls do; answers are
JSON on stdout.
"""

import argparse
import json
import sys
import urllib.request
from typing import Any

import boto3
from botocore.config import Config

DUMMY = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
IMAGE = "ami-12c6146b"


def two_interfaces(ec2: Any) -> dict[str, Any]:
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]
    web, app, db_client = (
        ec2.create_security_group(GroupName=name, Description=f"The {name} tier", VpcId=vpc)["GroupId"]
        for name in ("web", "app", "db-client")
    )
    instance = ec2.run_instances(
        ImageId=IMAGE,
        InstanceType="t3.medium",
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        SecurityGroupIds=[web, app],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "checkout-1"}]}],
    )["Instances"][0]["InstanceId"]
    second = ec2.create_network_interface(SubnetId=subnet, Groups=[db_client], Description="To the database")
    ec2.attach_network_interface(
        NetworkInterfaceId=second["NetworkInterface"]["NetworkInterfaceId"], InstanceId=instance, DeviceIndex=1
    )
    return {
        "region": ec2.meta.region_name,
        "vpcId": vpc,
        "instanceId": instance,
        "interfaces": [
            {"id": interface["id"], "groups": [group["id"] for group in interface["groups"]]}
            for interface in show(ec2, instance)["interfaces"]
        ],
    }


def show(ec2: Any, instance: str) -> dict[str, Any]:
    pages = ec2.get_paginator("describe_network_interfaces").paginate(
        Filters=[{"Name": "attachment.instance-id", "Values": [instance]}]
    )
    interfaces = [interface for page in pages for interface in page["NetworkInterfaces"]]
    interfaces.sort(key=lambda interface: interface["Attachment"]["DeviceIndex"])
    return {
        "interfaces": [
            {
                "id": interface["NetworkInterfaceId"],
                "groups": [{"id": group["GroupId"], "name": group["GroupName"]} for group in interface["Groups"]],
            }
            for interface in interfaces
        ]
    }


def drift(ec2: Any, interface: str, groups: list[str]) -> dict[str, Any]:
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=groups)
    return {"id": interface, "groups": groups}


def press(endpoint: str, action: str, finding: str, product: str) -> dict[str, Any]:
    _, _, _, region, account, _ = action.split(":", 5)
    chosen = {"account": account, "region": region, "actionArn": action}
    return admin(endpoint, "POST", "security-hub/press", chosen | {"findings": [{"Id": finding, "ProductArn": product}]})


def import_v2(endpoint: str, region: str, path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        findings = json.load(file)
    account = findings[0]["cloud"]["account"]["uid"]
    given = {"account": account, "region": region, "findings": findings}
    return admin(endpoint, "POST", "security-hub/import-v2", given)


def admin(endpoint: str, method: str, what: str, body: dict[str, Any]) -> dict[str, Any]:
    url, data = f"{endpoint}/_emulator/{what}", json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=30) as answer:
        return json.load(answer)


def arguments() -> argparse.Namespace:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--endpoint-url", required=True)
    common.add_argument("--region", default="eu-central-1")
    parser = argparse.ArgumentParser(prog="python -m aws_emulator.scenario")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("two-interfaces", parents=[common])
    shown = commands.add_parser("show", parents=[common])
    shown.add_argument("--instance-id", required=True)
    drifted = commands.add_parser("drift", parents=[common])
    drifted.add_argument("--interface-id", required=True)
    drifted.add_argument("--groups", required=True, help="ids, separated by commas")
    pressed = commands.add_parser("press", parents=[common])
    pressed.add_argument("--action-arn", required=True)
    pressed.add_argument("--finding-id", required=True)
    pressed.add_argument("--product-arn", required=True)
    imported = commands.add_parser("import-v2", parents=[common])
    imported.add_argument("--findings", required=True, help="a file with a list of findings of one account")
    commands.add_parser("enforce", parents=[common])
    return parser.parse_args()


def main() -> None:
    args = arguments()
    ec2 = boto3.client(
        "ec2",
        endpoint_url=args.endpoint_url,
        region_name=args.region,
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30),
        **DUMMY,
    )
    if args.command == "press":
        result = press(args.endpoint_url, args.action_arn, args.finding_id, args.product_arn)
    elif args.command == "import-v2":
        result = import_v2(args.endpoint_url, args.region, args.findings)
    elif args.command == "enforce":
        result = admin(args.endpoint_url, "PUT", "access", {"enforced": True})
    elif args.command == "two-interfaces":
        result = two_interfaces(ec2)
    elif args.command == "show":
        result = show(ec2, args.instance_id)
    else:
        result = drift(ec2, args.interface_id, args.groups.split(","))
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
