//! The Quarantine that is to be created, and whether one that is already there is the same. Pure.

use super::{
    cli::{Isolate, OfFinding},
    failure::Failure,
    target::is_about,
};
use kube::{ResourceExt, api::DynamicObject};
use quarantine_operator::api::{
    FindingTarget, InstanceTarget, Mode, Quarantine, QuarantineClass, QuarantineSpec, Release, Target,
};

/// What the environment says about the region, in the order in which AWS' own tools ask.
const REGION_VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

pub fn of_instance(wanted: &Isolate, region: String) -> Result<Quarantine, Failure> {
    let Isolate { instance, account, wish } = wanted;
    let account_id = agreed("account", account.as_ref(), instance.account.as_ref())?;
    let target = InstanceTarget { id: instance.id.clone(), region, account_id };
    let target = Target { instance: Some(target), finding: None };
    let name = wish.name.clone().unwrap_or_else(|| instance.id.clone());
    Ok(claim(&name, target, wish.class.clone(), wish.reason.clone(), wish.dry_run))
}

pub fn of_finding(wanted: &OfFinding, region: String) -> Result<Quarantine, Failure> {
    let OfFinding { finding, instance, product_arn, wish } = wanted;
    let name = wish.name.clone().or_else(|| finding.quarantine_name());
    let name =
        name.ok_or_else(|| Failure::Usage("no name can be made of this finding's id: give one, --name".to_owned()))?;
    let target = FindingTarget {
        id: finding.id.clone(),
        region,
        product_arn: product_arn.clone(),
        instance_id: instance.as_ref().map(|instance| instance.id.clone()),
    };
    let target = Target { instance: None, finding: Some(target) };
    Ok(claim(&name, target, wish.class.clone(), wish.reason.clone(), wish.dry_run))
}

fn claim(name: &str, target: Target, class_name: Option<String>, reason: Option<String>, dry_run: bool) -> Quarantine {
    let spec = QuarantineSpec {
        target,
        class_name,
        security_group_id: None,
        reason,
        mode: if dry_run { Mode::DryRun } else { Mode::Enforce },
        suspend: false,
        findings: Vec::new(),
        release: Release::default(),
    };
    Quarantine::new(name, spec)
}

/// What option and ARN say, if they don't contradict each other.
fn agreed(what: &str, option: Option<&String>, arn: Option<&String>) -> Result<Option<String>, Failure> {
    match (option, arn) {
        (Some(option), Some(arn)) if option != arn => {
            Err(Failure::Usage(format!("--{what} {option} contradicts the ARN, which says {arn}")))
        }
        _ => Ok(option.or(arn).cloned()),
    }
}

/// The region as far as the command line and the environment tell it.
pub fn region(
    option: Option<&String>,
    arn: Option<&String>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, Failure> {
    let told = agreed("region", option, arn)?;
    Ok(told.or_else(|| REGION_VARIABLES.iter().find_map(|name| variable(name).filter(|region| !region.is_empty()))))
}

/// The region of the class that applies, where it allows only one.
pub fn region_of_class(classes: &[QuarantineClass], named: Option<&String>) -> Option<String> {
    let mut meant = classes.iter().filter(|class| match named {
        Some(name) => class.name_any() == **name,
        None => class.is_default(),
    });
    match (meant.next(), meant.next()) {
        (Some(class), None) if class.spec.regions.len() == 1 => class.spec.regions.first().cloned(),
        _ => None,
    }
}

/// Whether a Quarantine is about what the other one is about.
pub fn is_same_target(raw: &DynamicObject, wanted: &Quarantine) -> bool {
    match &wanted.spec.target {
        Target { instance: Some(instance), .. } => is_about(raw, &instance.id),
        Target { finding: Some(finding), .. } => {
            let at = |path: &str| raw.data.pointer(path).and_then(|value| value.as_str());
            at("/spec/target/finding/id") == Some(&finding.id)
                && at("/spec/target/finding/instanceId") == finding.instance_id.as_deref()
        }
        Target { .. } => false,
    }
}

/// What one that is already there is, to somebody who wants this one.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// It does what was asked for.
    Same,
    /// It doesn't; the sentence goes on after its name. The command that changes that, if there is one.
    Differs(String, Option<&'static str>),
}

pub fn compare(found: &Quarantine, wanted: &Quarantine) -> Found {
    let differs = |why: String| Found::Differs(why, None);
    let class = found.spec.class_name.as_ref().or(found.admitted_class());
    if found.is_deleting() {
        return Found::Differs("is being released: run this again when it is gone".to_owned(), Some("status"));
    }
    if let (Some(is), Some(asked)) = (&found.spec.target.instance, &wanted.spec.target.instance)
        && let resolved = found.resolved()
        && let account = is.account_id.as_ref().or(resolved.map(|target| &target.account_id))
        && (is.id != asked.id
            || is.region != asked.region
            || asked.account_id.is_some() && account != asked.account_id.as_ref())
    {
        let account = account.map(|account| format!(", account {account}")).unwrap_or_default();
        return differs(format!("is about {} in {}{account}: for the other one give another --name", is.id, is.region));
    }
    if let (Some(is), Some(asked)) = (&found.spec.target.finding, &wanted.spec.target.finding)
        && is != asked
    {
        return differs(format!("is about finding {} in {}: for the other one give another --name", is.id, is.region));
    }
    if let Some(asked) = &wanted.spec.class_name
        && class != Some(asked)
    {
        let class = class.map_or("another class", String::as_str);
        return differs(format!("is of class {class}: release it first, or give another --name"));
    }
    if wanted.spec.mode == Mode::Enforce && found.spec.mode == Mode::DryRun {
        return Found::Differs("is a dry run".to_owned(), Some("enforce"));
    }
    if found.spec.suspend {
        return Found::Differs("is suspended".to_owned(), Some("enforce"));
    }
    Found::Same
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Doing};
    use clap::Parser as _;
    use serde_json::{Value, json};

    fn wanted(line: &str) -> Result<Quarantine, Failure> {
        let cli = Cli::try_parse_from(["kubectl-quarantine"].into_iter().chain(line.split_whitespace()));
        match cli.unwrap_or_else(|error| panic!("{error}")).doing {
            Doing::Isolate(isolate) => of_instance(&isolate, "eu-central-1".to_owned()),
            Doing::Command(crate::cli::Command::Finding(finding)) => of_finding(&finding, "eu-central-1".to_owned()),
            Doing::Command(_) => panic!("{line} creates nothing"),
        }
    }

    fn claim_of(spec: &Value) -> Quarantine {
        serde_json::from_value(json!({"apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
            "metadata": {"name": "a"}, "spec": spec}))
        .expect("a Quarantine")
    }

    fn class(name: &str, default: bool, regions: &[&str]) -> QuarantineClass {
        serde_json::from_value(json!({"apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "QuarantineClass",
            "metadata": {"name": name, "annotations": {"quarantine-operator.dev/is-default-class": default.to_string()}},
            "spec": {"securityGroup": {"id": "sg-0"}, "regions": regions}}))
        .expect("a class")
    }

    #[test]
    fn a_quarantine_is_named_after_its_instance_and_says_what_was_said() {
        let line = "arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0 --class ir --reason x --dry-run";
        let claim = wanted(line).expect("it is clear");
        assert_eq!(claim.name_any(), "i-0123456789abcdef0");
        let spec = json!({"className": "ir", "reason": "x", "mode": "DryRun", "suspend": false,
            "release": {"policy": "Restore", "missingGroups": "Hold"},
            "target": {"instance": {"id": "i-0123456789abcdef0", "region": "eu-central-1", "accountId": "111122223333"}}});
        assert_eq!(serde_json::to_value(&claim.spec).expect("JSON"), spec);
    }

    #[test]
    fn a_finding_is_named_by_its_id_and_the_instance_among_several() {
        let claim = wanted("finding arn:aws:x:eu-central-1::f/7 --instance i-01234567").expect("it is clear");
        assert_eq!(claim.name_any(), "finding-7");
        let target = json!({"finding": {"id": "arn:aws:x:eu-central-1::f/7", "region": "eu-central-1", "instanceId": "i-01234567"}});
        assert_eq!(serde_json::to_value(&claim.spec.target).expect("JSON"), target);
        assert!(matches!(wanted("finding ***"), Err(Failure::Usage(said)) if said.contains("--name")));
    }

    #[test]
    fn an_option_that_contradicts_the_arn_is_refused() {
        let line = "arn:aws:ec2:eu-central-1:111122223333:instance/i-01234567 --account 999999999999";
        assert!(matches!(wanted(line), Err(Failure::Usage(said)) if said.contains("111122223333")));
    }

    #[test]
    fn the_region_is_the_options_the_arns_the_environments_or_the_classs() {
        let text = |text: &str| Some(text.to_owned());
        let environment = |name: &str| (name == "AWS_DEFAULT_REGION").then(|| "us-east-1".to_owned());
        let of = |option: Option<&str>, arn: Option<&str>| {
            region(option.map(str::to_owned).as_ref(), arn.map(str::to_owned).as_ref(), environment).expect("clear")
        };
        assert_eq!(of(Some("eu-west-1"), None), text("eu-west-1"));
        assert_eq!(of(None, Some("eu-west-2")), text("eu-west-2"));
        assert_eq!(of(None, None), text("us-east-1"));
        assert!(region(text("a").as_ref(), text("b").as_ref(), environment).is_err());

        let classes = [class("one", true, &["eu-1"]), class("two", false, &["eu-1", "eu-2"]), class("all", false, &[])];
        assert_eq!(region_of_class(&classes, None), text("eu-1"));
        assert_eq!(region_of_class(&classes, text("one").as_ref()), text("eu-1"));
        assert_eq!(region_of_class(&classes, text("two").as_ref()), None);
        assert_eq!(region_of_class(&classes, text("all").as_ref()), None);
        assert_eq!(region_of_class(&[class("a", true, &["eu-1"]), class("b", true, &["eu-1"])], None), None);
    }

    #[test]
    fn one_that_does_what_is_asked_for_is_the_same_whatever_it_is_called() {
        let target = json!({"instance": {"id": "i-01234567", "region": "eu-central-1", "accountId": "111122223333"}});
        let found = claim_of(&json!({"target": target, "className": "ir", "reason": "another one"}));
        assert_eq!(compare(&found, &wanted("i-01234567").expect("clear")), Found::Same);
        assert_eq!(compare(&found, &wanted("i-01234567 --class ir --dry-run").expect("clear")), Found::Same);
    }

    #[test]
    fn one_that_does_otherwise_says_how() {
        let target = json!({"instance": {"id": "i-01234567", "region": "eu-central-1"}});
        let how = |spec: Value, line: &str| match compare(&claim_of(&spec), &wanted(line).expect("clear")) {
            Found::Differs(why, next) => (why, next),
            Found::Same => panic!("{spec} isn't what {line} asks for"),
        };
        let (why, next) = how(json!({"target": target, "mode": "DryRun"}), "i-01234567");
        assert_eq!((why.as_str(), next), ("is a dry run", Some("enforce")));
        assert_eq!(how(json!({"target": target, "suspend": true}), "i-01234567").1, Some("enforce"));
        assert!(how(json!({"target": target, "className": "a"}), "i-01234567 --class b").0.contains("of class a"));
        let other = json!({"instance": {"id": "i-76543210", "region": "eu-central-1"}});
        assert!(how(json!({"target": other}), "i-01234567").0.contains("i-76543210"));
        assert!(how(json!({"target": target}), "i-01234567 --account 111122223333").0.contains("--name"));
        let finding = json!({"finding": {"id": "b/7", "region": "eu-central-1"}});
        assert!(how(json!({"target": finding}), "finding a/7").0.contains("finding b/7"));
    }
}
