//! What a source wants, and what it refuses.

use super::fixtures::{ACTION, PRODUCT, VPC, event, filter, imported_by, pressed_by_status, spec, with};
use crate::{
    api::{Accept, Cause, FindingFilter, FindingSourceSpec, RecordState, Severity, TagSelector},
    intake::{
        Event,
        accept::{By, Verdict, accept, accept_instance},
    },
    model::ocsf::{Left, comment},
};
use serde_json::json;

/// The verdict on the first instance, or on the finding where it has none.
fn verdict(spec: &FindingSourceSpec, event: &Event) -> Verdict {
    let finding = &event.findings[0];
    match finding.instances.first() {
        None => accept(spec, None, event, finding),
        Some(instance) => accept_instance(spec, None, event, finding, instance),
    }
}

fn accepted(by: By) -> Verdict {
    Verdict::Accepted { by, doubts: None }
}

#[track_caller]
fn is_unwanted(verdict: Verdict, begins: &str) {
    match verdict {
        Verdict::Unwanted { cause, why } => {
            assert!(why.starts_with(begins), "{why}");
            assert_eq!(cause, cause_of(&why), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

/// Which cause a sentence is about. With it, every test here that sees a refusal sees its cause.
fn cause_of(why: &str) -> Cause {
    let words = [
        ("The custom action", Cause::CustomAction),
        ("The source has no", Cause::NoFilter),
        ("It is a sample", Cause::Sample),
        ("Its record state", Cause::RecordState),
        ("Its finding is archived", Cause::RecordState),
        ("Its workflow status", Cause::WorkflowStatus),
        ("Its finding is suppressed", Cause::WorkflowStatus),
        ("Its product", Cause::Product),
        ("Its severity", Cause::Severity),
        ("Its types", Cause::Type),
        ("Its account", Cause::Account),
        ("The finding is of account", Cause::OtherAccount),
        ("lies in region", Cause::Region),
        ("lies in vpc-", Cause::Vpc),
        ("carries none", Cause::Tags),
    ];
    words.iter().find(|(word, _)| why.contains(word)).map_or_else(|| panic!("{why}"), |(_, cause)| *cause)
}

#[track_caller]
fn is_doubted(verdict: Verdict, about: &str) {
    match verdict {
        Verdict::Accepted { by: By::Automatic, doubts: Some(why) } => assert!(why.contains(about), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_custom_action_counts_by_its_arn() {
    let event = event("custom-action");
    assert_eq!(verdict(&spec(), &event), accepted(By::Person));
    let none = FindingSourceSpec { accept: None, ..spec() };
    is_unwanted(verdict(&none, &event), "The custom action arn:aws:securityhub:");
    let finding = &event.findings[0];
    assert_eq!(accept(&none, Some(ACTION), &event, finding), accepted(By::Person), "the source's own");
    is_unwanted(accept(&none, Some("arn:another"), &event, finding), "The custom action");
}

#[test]
fn a_person_chooses_whatever_severity_and_whoever_has_taken_it_up() {
    for (field, value) in [
        ("Workflow", json!({ "Status": "NOTIFIED" })),
        ("Workflow", json!({ "Status": "RESOLVED" })),
        ("Severity", json!({ "Label": "INFORMATIONAL" })),
    ] {
        assert_eq!(verdict(&spec(), &with("custom-action", field, value)), accepted(By::Person), "{field}");
    }
}

#[test]
fn a_press_on_a_suppressed_or_archived_finding_is_refused_as_naming_it_is_and_says_what_to_do() {
    for (field, value, words) in [
        ("RecordState", json!("ARCHIVED"), ["is archived", "target.instance"]),
        ("Workflow", json!({ "Status": "SUPPRESSED" }), ["is suppressed", "workflow status to NEW"]),
    ] {
        match verdict(&spec(), &with("custom-action", field, value)) {
            Verdict::Refused { cause, why } => {
                assert!(words.iter().all(|word| why.contains(word)), "{why}");
                assert_eq!(cause, cause_of(&why), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_product_in_the_queues_region_counts_for_linked_regions_and_one_in_another_region_for_that_one() {
    let of = |region: &str| {
        let arn = format!("arn:aws:securityhub:{region}::product/aws/guardduty");
        imported_by(FindingFilter { product_arns: vec![arn], ..FindingFilter::default() })
    };
    let linked = event("field/06-imported-linked-region");
    for region in ["eu-central-1", "", "eu-west-1"] {
        assert_eq!(verdict(&of(region), &linked), accepted(By::Automatic), "{region}");
    }
    is_unwanted(verdict(&of("us-east-1"), &linked), "Its product");
    is_unwanted(verdict(&of("us-east-1"), &event("imported")), "Its product");
}

#[test]
fn a_sample_finding_cuts_nothing_off_and_a_person_is_told() {
    match verdict(&spec(), &event("custom-action-sample")) {
        Verdict::Refused { why, .. } => assert!(why.contains("names no real instance"), "{why}"),
        other => panic!("{other:?}"),
    }
    is_unwanted(verdict(&spec(), &event("guard-duty-sample")), "It is a sample finding.");
    is_unwanted(verdict(&spec(), &with("imported", "Sample", json!(true))), "It is a sample finding.");
}

#[test]
fn an_instance_in_another_account_than_its_finding_is_refused() {
    match verdict(&spec(), &event("custom-action-other-account")) {
        Verdict::Refused { why, .. } => assert!(why.contains("lies in account 355566667777"), "{why}"),
        other => panic!("{other:?}"),
    }
    is_unwanted(
        verdict(&spec(), &with("imported", "AwsAccountId", json!("355566667777"))),
        "The finding is of account 3",
    );
}

#[test]
fn without_the_filter_nothing_of_its_kind_counts() {
    let nothing = FindingSourceSpec { accept: Some(Accept::default()), ..spec() };
    is_unwanted(verdict(&nothing, &event("imported")), "The source has no accept.imported.");
    is_unwanted(verdict(&nothing, &event("guard-duty")), "The source has no accept.guardDuty.");
    assert_eq!(verdict(&spec(), &event("imported")), accepted(By::Automatic));
    assert_eq!(verdict(&spec(), &event("guard-duty")), accepted(By::Automatic));
}

#[test]
fn imported_findings_count_by_product_and_without_products_none_does() {
    is_unwanted(verdict(&imported_by(FindingFilter::default()), &event("imported")), "Its product");
    is_unwanted(verdict(&spec(), &event("imported-us-gov")), "Its product arn:aws-us-gov:");
    is_unwanted(verdict(&spec(), &with("imported", "ProductArn", json!(format!("{PRODUCT}2")))), "Its product");
}

#[test]
fn severities_are_those_of_the_filter() {
    let high = imported_by(FindingFilter { severities: vec![Severity::High, Severity::Critical], ..filter() });
    assert_eq!(verdict(&high, &event("imported")), accepted(By::Automatic));
    is_unwanted(verdict(&high, &with("imported", "Severity", json!({ "Label": "LOW" }))), "Its severity");
    is_unwanted(verdict(&high, &with("imported", "Severity", json!({}))), "Its severity");
}

#[test]
fn types_begin_with_one_of_the_filters_prefixes() {
    let types = |prefix: &str| imported_by(FindingFilter { type_prefixes: vec![prefix.to_owned()], ..filter() });
    assert_eq!(verdict(&types("TTPs/Command and Control"), &event("imported")), accepted(By::Automatic));
    is_unwanted(verdict(&types("Effects/"), &event("imported")), "Its types");
    is_unwanted(verdict(&types("TTPs/"), &with("imported", "Types", json!([]))), "Its types");
    let backdoors = FindingFilter { type_prefixes: vec!["Backdoor:EC2/".to_owned()], ..FindingFilter::default() };
    let spec =
        FindingSourceSpec { accept: Some(Accept { guard_duty: Some(backdoors), ..Accept::default() }), ..spec() };
    assert_eq!(verdict(&spec, &event("guard-duty")), accepted(By::Automatic));
    is_unwanted(verdict(&spec, &event("guard-duty-access-key")), "Its types");
}

#[test]
fn archived_findings_count_only_where_the_filter_says_so() {
    let archived = with("imported", "RecordState", json!("ARCHIVED"));
    is_unwanted(verdict(&spec(), &archived), "Its record state");
    let both = FindingFilter { record_states: vec![RecordState::Active, RecordState::Archived], ..filter() };
    assert_eq!(verdict(&imported_by(both), &archived), accepted(By::Automatic));
    is_unwanted(verdict(&spec(), &with("guard-duty", "service", json!({ "archived": true }))), "Its record state");
}

#[test]
fn nothing_automatic_comes_of_a_finding_that_people_have_taken_up() {
    for status in ["NOTIFIED", "RESOLVED", "SUPPRESSED"] {
        is_unwanted(
            verdict(&spec(), &with("imported", "Workflow", json!({ "Status": status }))),
            "Its workflow status",
        );
    }
    is_unwanted(verdict(&spec(), &event("imported-after-our-note")), "Its workflow status");
    assert_eq!(verdict(&spec(), &with("imported", "Workflow", json!(null))), accepted(By::Automatic));
}

#[test]
fn accounts_and_regions_are_those_of_the_instance() {
    let account = |id: &str| imported_by(FindingFilter { accounts: vec![id.to_owned()], ..filter() });
    assert_eq!(verdict(&account("211122223344"), &event("imported")), accepted(By::Automatic));
    is_unwanted(verdict(&account("355566667777"), &event("imported")), "Its account 211122223344");
    let region = |id: &str| imported_by(FindingFilter { regions: vec![id.to_owned()], ..filter() });
    let elsewhere = with("imported", "Region", json!("us-east-1"));
    assert_eq!(verdict(&region("eu-central-1"), &elsewhere), accepted(By::Automatic), "not the finding's");
    is_unwanted(verdict(&region("us-east-1"), &elsewhere), "Instance i-0a1b2c3d4e5f60718 lies in region eu-central-1");
}

#[test]
fn a_vpc_that_the_finding_does_not_tell_is_doubted_and_another_one_is_unwanted() {
    let vpc = |id: &str| imported_by(FindingFilter { vpc_ids: vec![id.to_owned()], ..filter() });
    assert_eq!(verdict(&vpc(VPC), &event("imported")), accepted(By::Automatic));
    is_unwanted(verdict(&vpc("vpc-00000000"), &event("imported")), "Instance i-0a1b2c3d4e5f60718 lies in vpc-");
    let mut untold = event("imported");
    untold.findings[0].instances[0].vpc_id = None;
    is_doubted(verdict(&vpc(VPC), &untold), "doesn't tell the instance's VPC");
}

#[test]
fn tags_that_the_finding_does_not_tell_are_doubted_and_other_ones_are_unwanted() {
    let tag = |key: &str, value: Option<&str>| {
        let selector = TagSelector { key: key.to_owned(), value: value.map(str::to_owned) };
        imported_by(FindingFilter { resource_tags: vec![selector], ..filter() })
    };
    assert_eq!(verdict(&tag("team", Some("shop")), &event("imported")), accepted(By::Automatic));
    assert_eq!(verdict(&tag("team", None), &event("imported")), accepted(By::Automatic));
    is_unwanted(verdict(&tag("team", Some("bank")), &event("imported")), "Instance i-0a1b2c3d4e5f60718 carries none");
    is_unwanted(verdict(&tag("owner", None), &event("imported")), "Instance i-0a1b2c3d4e5f60718 carries none");
    let mut untold = event("imported");
    untold.findings[0].instances[0].tags.clear();
    is_doubted(verdict(&tag("team", None), &untold), "doesn't tell the instance's tags");
}

#[test]
fn filters_of_places_do_not_bind_a_person() {
    let narrow =
        FindingFilter { vpc_ids: vec!["vpc-00000000".to_owned()], regions: vec!["us-east-1".to_owned()], ..filter() };
    let accept = Accept { custom_action_arns: vec![ACTION.to_owned()], imported: Some(narrow), ..Accept::default() };
    let spec = FindingSourceSpec { accept: Some(accept), ..spec() };
    assert_eq!(verdict(&spec, &event("custom-action")), accepted(By::Person));
}

#[test]
fn the_filter_of_imported_findings_is_one_for_both_hubs_whichever_it_names() {
    let newer = event("ocsf-imported-v2");
    for product in [PRODUCT.to_owned(), PRODUCT.replace("product/", "productv2/")] {
        let spec = imported_by(FindingFilter { product_arns: vec![product], ..filter() });
        assert_eq!(verdict(&spec, &newer), accepted(By::Automatic));
        assert_eq!(verdict(&spec, &event("imported")), accepted(By::Automatic));
    }
    let low = imported_by(FindingFilter { severities: vec![Severity::Low], ..filter() });
    is_unwanted(verdict(&low, &newer), "Its severity");
    let of = |prefix: &str| imported_by(FindingFilter { type_prefixes: vec![prefix.to_owned()], ..filter() });
    assert_eq!(verdict(&of("Backdoor:EC2/"), &newer), accepted(By::Automatic));
    is_unwanted(verdict(&of("Trojan:EC2/"), &newer), "Its types");
    is_unwanted(verdict(&imported_by(filter()), &in_progress(None)), "Its workflow status isn't NEW");
    is_unwanted(verdict(&imported_by(filter()), &with("ocsf-imported-v2", "status_id", json!(5))), "Its record state");
}

fn in_progress(comment: Option<&str>) -> Event {
    let mut event = with("ocsf-imported-v2", "status_id", json!(2));
    if let Some(comment) = comment {
        let body = super::fixtures::changed("ocsf-imported-v2", |event| {
            event["detail"]["findings"][0]["status_id"] = json!(2);
            event["detail"]["findings"][0]["comment"] = json!(comment);
        });
        event = super::fixtures::read(&body);
    }
    event
}

#[test]
fn in_progress_is_a_press_where_the_source_takes_it_and_somebody_else_set_it() {
    let spec = pressed_by_status(filter());
    assert_eq!(verdict(&spec, &in_progress(None)), accepted(By::Status));
    assert_eq!(verdict(&spec, &in_progress(Some("I take it."))), accepted(By::Status));
    let since = comment("i-1 is released.", Left::Otherwise);
    assert_eq!(verdict(&spec, &in_progress(Some(&since))), accepted(By::Status), "set after the operator wrote");
    let own = comment("i-1 is contained.", Left::InProgress);
    is_unwanted(verdict(&spec, &in_progress(Some(&own))), "The source has no accept.imported");
    is_unwanted(verdict(&spec, &event("ocsf-imported-v2")), "The source has no accept.imported");
    is_unwanted(verdict(&spec, &with("imported", "Workflow", json!({ "Status": "NOTIFIED" }))), "The source has no");
    is_unwanted(verdict(&self::spec(), &in_progress(None)), "Its workflow status isn't NEW");
}

#[test]
fn a_press_by_status_passes_the_sources_filter_for_it() {
    let other = FindingFilter { product_arns: vec![PRODUCT.replace("guardduty", "inspector")], ..filter() };
    is_unwanted(verdict(&pressed_by_status(other), &in_progress(None)), "Its product");
    let regions = FindingFilter { regions: vec!["us-east-1".to_owned()], ..filter() };
    is_unwanted(
        verdict(&pressed_by_status(regions), &in_progress(None)),
        "Instance i-0a1b2c3d4e5f60718 lies in region",
    );
    let mut elsewhere = in_progress(None);
    elsewhere.findings[0].instances[0].account_id = "999999999999".to_owned();
    match verdict(&pressed_by_status(filter()), &elsewhere) {
        Verdict::Refused { why, .. } => assert!(why.contains("speaks for its own account only"), "{why}"),
        other => panic!("{other:?}"),
    }
}
