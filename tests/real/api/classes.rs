//! QuarantineClasses that the API server refuses, and with which words.

// The isolation group.
refused! { class;
    an_isolation_group_is_needed: {"securityGroup": null} => "spec.securityGroup", "Required value";
    an_isolation_group_without_a_source: {"securityGroup": {"id": null}}
        => "spec.securityGroup", "exactly one of id, name and managed must be given";
    an_isolation_group_by_id_and_by_name: {"securityGroup": {"name": "isolation"}}
        => "spec.securityGroup", "exactly one of id, name and managed must be given";
    an_isolation_group_by_id_that_is_also_made: {"securityGroup": {"managed": {"name": "isolation"}}}
        => "spec.securityGroup", "exactly one of id, name and managed must be given";
    a_malformed_isolation_group_id: {"securityGroup": {"id": "sg-0123456789ABCDEF0"}}
        => "spec.securityGroup.id", "sg- and 17 (or, for old groups, 8) lower-case hexadecimal digits";
    an_arn_for_an_isolation_group_id:
        {"securityGroup": {"id": "arn:aws:ec2:eu-central-1:111122223333:security-group/sg-0123456789abcdef0"}}
        => "spec.securityGroup.id", "such as sg-0123456789abcdef0";
    an_isolation_groups_id_for_its_name: {"securityGroup": {"id": null, "name": "sg-0123456789abcdef0"}}
        => "spec.securityGroup.name", "use the field id";
    an_isolation_group_name_that_aws_never_has: {"securityGroup": {"id": null, "name": "Isolation „strict“"}}
        => "spec.securityGroup.name", "letters, digits, inner spaces and ._-:/()#,@[]+=&;{}!$*";
    an_isolation_group_name_with_a_blank_at_its_end: {"securityGroup": {"id": null, "name": "isolation "}}
        => "spec.securityGroup.name", "inner spaces";
    an_empty_isolation_group_name: {"securityGroup": {"id": null, "name": ""}}
        => "spec.securityGroup.name", "must be a security group name";
    a_malformed_allowed_security_group_id: {"allowedSecurityGroupIds": ["sg-01234567", "isolation"]}
        => "spec.allowedSecurityGroupIds[1]", "such as sg-0123456789abcdef0";
    the_same_allowed_security_group_twice: {"allowedSecurityGroupIds": ["sg-01234567", "sg-01234567"]}
        => "spec.allowedSecurityGroupIds[1]", "Duplicate value";
}

// The isolation group that the operator makes.
refused! { managed;
    a_made_group_needs_a_name: {"securityGroup": {"managed": {"name": null}}}
        => "spec.securityGroup.managed.name", "Required value";
    a_made_group_whose_name_starts_like_an_id: {"securityGroup": {"managed": {"name": "sg-isolation"}}}
        => "spec.securityGroup.managed.name", "must be a security group name";
    a_made_group_named_default: {"securityGroup": {"managed": {"name": "default"}}}
        => "spec.securityGroup.managed.name", "choose another";
    a_made_group_whose_description_aws_refuses: {"securityGroup": {"managed": {"description": "„strict“"}}}
        => "spec.securityGroup.managed.description", "letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*";
    more_rules_than_a_group_has: {"securityGroup": {"managed": {"ingress": vec![serde_json::json!({"port": 1}); 31]}}}
        => "spec.securityGroup.managed.ingress", "must have at most 30 items";
}

refused! { ingress;
    an_ingress_rule_needs_a_source: {"port": 22}
        => "spec.securityGroup.managed.ingress[0]", "needs a source: cidrs, prefixListIds or sourceSecurityGroupIds";
    an_ingress_rule_with_an_empty_source: {"port": 22, "cidrs": []}
        => "spec.securityGroup.managed.ingress[0]", "needs a source: cidrs, prefixListIds or sourceSecurityGroupIds";
    an_ingress_rule_needs_a_port: {"cidrs": ["10.0.0.0/8"]}
        => "spec.securityGroup.managed.ingress[0].port", "Required value";
    port_0: {"port": 0, "cidrs": ["10.0.0.0/8"]}
        => "spec.securityGroup.managed.ingress[0].port", "greater than or equal to 1";
    port_65536: {"port": 65_536, "cidrs": ["10.0.0.0/8"]}
        => "spec.securityGroup.managed.ingress[0].port", "less than or equal to 65535";
    a_range_of_ports: {"port": "22-23", "cidrs": ["10.0.0.0/8"]}
        => "spec.securityGroup.managed.ingress[0].port", "must be of type integer";
    a_protocol_without_ports: {"protocol": "icmp", "port": 8, "cidrs": ["10.0.0.0/8"]}
        => "spec.securityGroup.managed.ingress[0].protocol", "supported values: \"tcp\", \"udp\"";
    a_network_with_host_bits: {"port": 22, "cidrs": ["192.0.2.0/24", "10.0.0.1/8"]}
        => "spec.securityGroup.managed.ingress[0].cidrs[1]", "without host bits";
    an_address_without_a_prefix_length: {"port": 22, "cidrs": ["192.0.2.7"]}
        => "spec.securityGroup.managed.ingress[0].cidrs[0]", "such as 10.0.0.0/8, 192.0.2.7/32 or 2001:db8::/32";
    a_network_wider_than_ipv4: {"port": 22, "cidrs": ["10.0.0.0/33"]}
        => "spec.securityGroup.managed.ingress[0].cidrs[0]", "CIDR notation";
    a_malformed_ipv6_network: {"port": 22, "cidrs": ["2001:db8:::/32"]}
        => "spec.securityGroup.managed.ingress[0].cidrs[0]", "2001:db8::/32";
    an_ipv6_network_in_another_spelling: {"port": 22, "cidrs": ["2001:0DB8::/32"]}
        => "spec.securityGroup.managed.ingress[0].cidrs[0]", "short lower-case form";
    an_ipv4_network_in_ipv6_clothes: {"port": 22, "cidrs": ["::ffff:10.0.0.0/104"]}
        => "spec.securityGroup.managed.ingress[0].cidrs[0]", "must be an IPv4 or IPv6 network";
    the_same_network_twice: {"port": 22, "cidrs": ["10.0.0.0/8", "10.0.0.0/8"]}
        => "spec.securityGroup.managed.ingress[0].cidrs[1]", "Duplicate value";
    a_malformed_prefix_list_id: {"port": 22, "prefixListIds": ["com.amazonaws.eu-central-1.s3"]}
        => "spec.securityGroup.managed.ingress[0].prefixListIds[0]", "such as pl-0123456789abcdef0";
    a_malformed_source_group_id: {"port": 22, "sourceSecurityGroupIds": ["bastion"]}
        => "spec.securityGroup.managed.ingress[0].sourceSecurityGroupIds[0]", "such as sg-0123456789abcdef0";
}

// Where it may be used, and as whom.
refused! { class;
    a_malformed_account: {"accounts": ["111122223333", "1111-2222-3333"]}
        => "spec.accounts[1]", "12 digits, in quotes, such as \"111122223333\"";
    an_account_without_quotes: {"accounts": [111122223333_u64]} => "spec.accounts[0]", "must be of type string";
    an_availability_zone_among_the_regions: {"regions": ["eu-central-1", "eu-central-1a"]}
        => "spec.regions[1]", "not an Availability Zone";
    a_namespace_selector_without_values: {"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "NotIn"}]}}
        => "spec.namespaceSelector.matchExpressions[0]", "In and NotIn need values";
    a_namespace_selector_with_values_that_mean_nothing:
        {"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "Exists", "values": ["ir"]}]}}
        => "spec.namespaceSelector.matchExpressions[0]", "Exists and DoesNotExist have none";
    a_namespace_selector_with_a_key_that_no_label_has:
        {"namespaceSelector": {"matchExpressions": [{"key": "no such key", "operator": "DoesNotExist"}]}}
        => "spec.namespaceSelector.matchExpressions[0].key", "such as kubernetes.io/metadata.name";
    a_role_arn_for_a_role_name: {"assumeRole": {"roleName": "arn:aws:iam::111122223333:role/security/incident-response/quarantine-operator-target"}}
        => "spec.assumeRole.roleName", "not its ARN";
    a_role_path_with_a_slash_in_front: {"assumeRole": {"roleName": "/security/quarantine"}}
        => "spec.assumeRole.roleName", "such as quarantine or security/quarantine";
    a_role_needs_its_name: {"assumeRole": {"externalId": "ir-2026"}} => "spec.assumeRole.roleName", "Required value";
    an_external_id_of_one_character: {"assumeRole": {"roleName": "quarantine", "externalId": "x"}}
        => "spec.assumeRole.externalId", "2 to 1,224";
    an_external_id_with_blanks: {"assumeRole": {"roleName": "quarantine", "externalId": "incident response"}}
        => "spec.assumeRole.externalId", "no blanks";
    a_session_name_with_blanks: {"assumeRole": {"roleName": "quarantine", "sessionName": "incident response"}}
        => "spec.assumeRole.sessionName", "no blanks";
}

// What is protected, and how much may be held.
refused! { class;
    a_malformed_protected_instance: {"protected": {"instanceIds": ["i-01234567", "web-1"]}}
        => "spec.protected.instanceIds[1]", "such as i-0123456789abcdef0";
    an_empty_tag_key: {"protected": {"tags": [{"key": ""}]}} => "spec.protected.tags[0].key", "at least 1 chars long";
    a_tag_key_longer_than_aws_allows: {"protected": {"tags": [{"key": "k".repeat(129)}]}}
        => "spec.protected.tags[0].key", "may not be more than 128";
    a_tag_value_longer_than_aws_allows: {"protected": {"tags": [{"key": "k", "value": "v".repeat(257)}]}}
        => "spec.protected.tags[0].value", "may not be more than 256";
    fewer_than_no_instances: {"maxActive": -1} => "spec.maxActive", "greater than or equal to 0";
    more_instances_than_anybody_has: {"maxActive": 100_001} => "spec.maxActive", "less than or equal to 100000";
    an_unknown_release_approval: {"releaseApproval": "Never"}
        => "spec.releaseApproval", "supported values: \"WhenUnusual\", \"Always\"";
    a_finding_is_never_suppressed: {"securityHub": {"workflowStatus": "SUPPRESSED"}}
        => "spec.securityHub.workflowStatus", "supported values: \"UNCHANGED\", \"NOTIFIED\", \"RESOLVED\"";
    a_malformed_administrator_account: {"securityHub": {"accountId": "1234"}}
        => "spec.securityHub.accountId", "12 digits, in quotes";
    a_malformed_aggregation_region: {"securityHub": {"region": "Frankfurt"}}
        => "spec.securityHub.region", "such as eu-central-1";
    a_role_arn_for_the_administrators_role_name: {"securityHub": {"roleName": "arn:aws:iam::111122223333:role/hub"}}
        => "spec.securityHub.roleName", "not its ARN";
}
