"""The rules of a security group: what makes two of them the same, and that a call adds or takes all of its or none."""

import ipaddress
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidParameterValue, InvalidPermissionNotFoundError
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses import EC2Response

from .registry import correction, wrap
from .security_groups import group_named

DIRECTIONS = {"ingress": "ingress_rules", "egress": "egress_rules"}
WITH_PORTS = ("tcp", "udp", "6", "17")


@correction(
    "rule-form",
    aws=(
        "CIDRs are kept in canonical form (100.68.0.18/18 becomes 100.68.0.0/18); a TCP or UDP rule without ports is "
        "InvalidParameterValue."
    ),
    moto="Keeps them as sent; a rule without ports ends in HTTP 500.",
    page="AuthorizeSecurityGroupIngress (Amazon EC2 API Reference)",
)
def rule_form() -> None:
    @wrap(SecurityGroupRule, "__init__")
    def init(
        old: Any,
        self: Any,
        ec2_backend: Any,
        ip_protocol: Any,
        group_id: str,
        from_port: Any,
        to_port: Any,
        ip_range: Any,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if str(ip_protocol).lower() in WITH_PORTS and (from_port is None or to_port is None):
            raise InvalidParameterValue(
                "Invalid value for portRange. Must specify both from and to ports with TCP/UDP."
            )
        old(self, ec2_backend, ip_protocol, group_id, from_port, to_port, canonical(ip_range), *args, **kwargs)


def canonical(ip_range: dict[str, str] | None) -> dict[str, str] | None:
    changed = dict(ip_range or {})
    for key in ("CidrIp", "CidrIpv6"):
        if changed.get(key):
            changed[key] = str(ipaddress.ip_network(changed[key], strict=False))
    return changed or ip_range


@correction(
    "rule-identity",
    aws="Two rules are the same if protocol, ports and peer are; the description doesn't count, for groups either.",
    moto="Compares the description of a source group too: it can't be revoked without it, and is added twice.",
    page="RevokeSecurityGroupIngress (Amazon EC2 API Reference)",
)
def rule_identity() -> None:
    SecurityGroupRule.__eq__ = lambda self, other: identity(self) == identity(other)
    SecurityGroupRule.__hash__ = lambda self: hash(identity(self))
    SecurityGroupRule.description = property(
        lambda self: self.ip_range.get("Description") or self.source_group.get("Description")
    )


def identity(rule: Any) -> tuple[Any, ...]:
    return (
        rule.ip_protocol,
        *((rule.from_port, rule.to_port) if rule.ip_protocol != "-1" else ()),
        rule.ip_range.get("CidrIp"),
        rule.ip_range.get("CidrIpv6"),
        rule.source_group.get("GroupId"),
        rule.prefix_list_id,
    )


@correction(
    "authorize-all-or-none",
    aws="Authorize adds all rules of a call or, on an error, none, and answers with all that it added.",
    moto="Keeps those before the faulty one, and answers with those of the last permission.",
    page="AuthorizeSecurityGroupIngress (Amazon EC2 API Reference)",
)
def authorize_all_or_none() -> None:
    for direction, rules in DIRECTIONS.items():
        install_authorize(f"authorize_security_group_{direction}", rules)


def install_authorize(action: str, rules: str) -> None:
    @wrap(EC2Response, action)
    def authorize(old: Any, self: Any) -> Any:
        group = group_of(self)
        before = list(getattr(group, rules))
        try:
            old(self)
        except Exception:
            setattr(group, rules, before)
            raise
        known = {rule.id for rule in before}
        added = [rule for rule in getattr(group, rules) if rule.id not in known]
        return ActionResult({"Return": True, "SecurityGroupRules": added})


@correction(
    "revoke-all-or-none",
    aws=(
        "Revoke takes exactly the rules of a call, IPv6 ones too, or, if one is absent, none "
        "(InvalidPermission.NotFound; in a default VPC it takes those there are and names the others), and answers "
        "with what it took."
    ),
    moto=(
        "Takes those before the absent one; skips IPv6 egress, in silence, where the VPC has no IPv6 block; answers "
        "with nothing."
    ),
    page="RevokeSecurityGroupEgress (Amazon EC2 API Reference)",
)
def revoke_all_or_none() -> None:
    for direction, rules in DIRECTIONS.items():
        install_revoke(f"revoke_security_group_{direction}", rules)


def install_revoke(action: str, rules: str) -> None:
    @wrap(EC2Response, action)
    def revoke(old: Any, self: Any) -> Any:
        self.error_on_dryrun()
        group = group_of(self)
        present = getattr(group, rules)
        taken, unknown = [], []
        for asked in self._process_rules_from_querystring():
            found = [rule for rule in present if rule.id in asked["security_rule_ids"]]
            complete = len(found) == len(asked["security_rule_ids"])
            for wanted in rules_of(self.ec2_backend, group, asked):
                matching = [rule for rule in present if rule == wanted]
                found += matching
                complete = complete and bool(matching)
            taken += found
            if not complete:
                unknown.append(permission(asked))
        in_default_vpc = str(self.ec2_backend.get_vpc(group.vpc_id).is_default).lower() == "true"
        if unknown and not in_default_vpc:
            raise InvalidPermissionNotFoundError()
        gone = {rule.id for rule in taken}
        setattr(group, rules, [rule for rule in present if rule.id not in gone])
        return ActionResult(
            {
                "Return": True,
                "UnknownIpPermissions": unknown,
                "RevokedSecurityGroupRules": [revoked(rule) for rule in taken],
            }
        )


def group_of(response: Any) -> Any:
    name = response._get_param("GroupName") or response._get_param("GroupId")
    return response.ec2_backend.get_security_group_by_name_or_id(name) or group_named(response.ec2_backend, name)


def rules_of(backend: Any, group: Any, asked: dict[str, Any]) -> Any:
    return backend._iterate_security_rules(
        asked["ip_protocol"],
        group.id,
        asked["from_port"],
        asked["to_port"],
        asked["ip_ranges"],
        backend._add_source_group(asked["source_groups"], None),
        asked["prefix_list_ids"],
    )


def permission(asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "IpProtocol": asked["ip_protocol"],
        "FromPort": asked["from_port"],
        "ToPort": asked["to_port"],
        "IpRanges": [one for one in asked["ip_ranges"] if "CidrIp" in one],
        "Ipv6Ranges": [one for one in asked["ip_ranges"] if "CidrIpv6" in one],
        "UserIdGroupPairs": asked["source_groups"],
        "PrefixListIds": asked["prefix_list_ids"],
    }


def revoked(rule: Any) -> dict[str, Any]:
    return {
        "SecurityGroupRuleId": rule.id,
        "GroupId": rule.group_id,
        "IsEgress": rule.is_egress,
        "IpProtocol": rule.ip_protocol,
        "FromPort": -1 if rule.from_port is None else rule.from_port,
        "ToPort": -1 if rule.to_port is None else rule.to_port,
        "CidrIpv4": rule.cidr_ipv4,
        "CidrIpv6": rule.cidr_ipv6,
        "PrefixListId": rule.prefix_list_id,
        "ReferencedGroupId": rule.source_group.get("GroupId"),
        "Description": rule.description,
    }
