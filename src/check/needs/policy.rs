//! What classes and sources have to be so that something can be held through them: read from the objects alone, before AWS
//! is asked. And where AWS is to be asked for each. Pure.

use super::answer::Answer;
use crate::{
    api::{DEFAULT_CLASS_ANNOTATION, FindingSource, QuarantineClass},
    check::places::Home,
    intake::delivery,
    model::{ec2::SecurityGroup, place::Place, queue::QueueSight},
    quarantine::{
        decide::{admission::through_role, target::hub_role},
        place,
        rules::Leaks,
    },
};
use kube::{
    ResourceExt,
    core::{Selector, SelectorExt},
};
use std::collections::BTreeMap;

/// Namespaces, by name, with their labels.
pub type Namespaces = BTreeMap<String, BTreeMap<String, String>>;

/// Which class Quarantines get that name none.
pub fn default_class(classes: &[QuarantineClass]) -> Answer {
    let defaults: Vec<String> = classes.iter().filter(|class| class.is_default()).map(ResourceExt::name_any).collect();
    match &defaults[..] {
        _ if classes.is_empty() => Answer::missing(
            "QuarantineClasses",
            "There is none, so that nothing can be held. Write one: deploy/samples/quarantineclass.yaml.",
        ),
        [] => Answer::ok("default class", "None: each Quarantine and each FindingSource has to name its className."),
        [one] => Answer::ok("default class", format!("{one}.")),
        several => Answer::missing(
            "default class",
            format!(
                "Several classes are the default ({}), so that Quarantines without className wait. Leave the annotation {DEFAULT_CLASS_ANNOTATION} on one.",
                several.join(", ")
            ),
        ),
    }
}

/// Whether some namespace may use the class.
pub fn used_from(class: &QuarantineClass, namespaces: &Namespaces) -> Answer {
    const WHAT: &str = "namespaces";
    let selector = match selector_of(class) {
        Ok(selector) => selector,
        Err(answer) => return Answer::missing(WHAT, answer),
    };
    let selected: Vec<&str> = namespaces
        .iter()
        .filter(|(_, labels)| selector.matches(*labels))
        .map(|(name, _)| name.as_str())
        .take(SHOWN + 1)
        .collect();
    match &selected[..] {
        [] => Answer::missing(
            WHAT,
            "The namespaceSelector selects no namespace that is there: label the namespace in which Quarantines of this class are to be written.",
        ),
        few if few.len() <= SHOWN => Answer::ok(WHAT, format!("{}.", few.join(", "))),
        many => Answer::ok(WHAT, format!("{} and others.", many[..SHOWN].join(", "))),
    }
}

/// How many namespaces are named.
const SHOWN: usize = 5;

fn selector_of(class: &QuarantineClass) -> Result<Selector, String> {
    let selector = class.spec.namespace_selector.clone();
    let selector =
        selector.ok_or("No namespaceSelector is given, so that no namespace may use it: set one ({} selects all).")?;
    Selector::try_from(selector).map_err(|error| format!("The namespaceSelector can't be read: {error}."))
}

/// Whether what the source makes has a namespace and a class that lets it act.
pub fn template(source: &FindingSource, classes: &[QuarantineClass], namespaces: &Namespaces) -> Answer {
    const WHAT: &str = "template";
    let template = &source.spec.template;
    let Some(labels) = namespaces.get(&template.namespace) else {
        return Answer::missing(WHAT, format!("There is no namespace {}: create it.", template.namespace));
    };
    let class =
        match &template.class_name {
            Some(name) => classes.iter().find(|class| class.name_any() == *name).ok_or_else(|| {
                format!("There is no QuarantineClass {name}: create it, or correct template.className.")
            }),
            None => match &classes.iter().filter(|class| class.is_default()).collect::<Vec<_>>()[..] {
                [one] => Ok(*one),
                _ => Err("It names no className, and not exactly one class is the default: set template.className."
                    .to_owned()),
            },
        };
    match class {
        Err(message) => Answer::missing(WHAT, message),
        Ok(class) if selector_of(class).is_ok_and(|selector| selector.matches(labels)) => {
            Answer::ok(WHAT, format!("QuarantineClass {} in namespace {}.", class.name_any(), template.namespace))
        }
        Ok(class) => Answer::missing(
            WHAT,
            format!(
                "The namespaceSelector of QuarantineClass {} doesn't select namespace {}, so that all it makes is refused: label the namespace, or choose another class.",
                class.name_any(),
                template.namespace
            ),
        ),
    }
}

/// Where instances of the class can be: each of its accounts in each of its regions; the operator's own where it names none.
pub fn places(class: &QuarantineClass, home: &Home) -> Vec<Place> {
    let own = [home.account_id.clone()];
    let accounts = if class.spec.accounts.is_empty() { &own[..] } else { &class.spec.accounts };
    let here: Vec<String> = home.region.iter().cloned().collect();
    let regions = if class.spec.regions.is_empty() { &here } else { &class.spec.regions };
    let each = accounts.iter().flat_map(|account_id| {
        regions.iter().map(|region| {
            place(&through_role(class, &home.partition, String::new(), region.clone(), account_id.clone()))
        })
    });
    each.collect()
}

/// Where findings are read, if the class says so: else it is each finding's own account and region.
pub fn hub(class: &QuarantineClass, home: &Home) -> Option<Place> {
    let hub = class.spec.security_hub.as_ref()?;
    let account_id = hub.account_id.clone().unwrap_or_else(|| home.account_id.clone());
    let region = hub.region.clone().or_else(|| home.region.clone())?;
    let role = hub_role(class, &home.partition, &home.account_id, &account_id);
    Some(Place { account_id, region, role })
}

/// Whether the class's isolation group was found. `found`: its groups in each place that was reached.
pub fn group(class: &QuarantineClass, found: &[(Place, Vec<SecurityGroup>)]) -> Vec<Answer> {
    const WHAT: &str = "isolation group";
    let declared = &class.spec.security_group;
    let shown = |group: &SecurityGroup, place: &Place| format!("{} in {} ({})", group.id, group.vpc_id, at(place));
    let ids = declared.id.iter().chain(&class.spec.allowed_security_group_ids).map(|id| {
        let place =
            found.iter().find_map(|(place, groups)| Some((groups.iter().find(|group| group.id == *id)?, place)));
        match place {
            Some((group, place)) => Answer::ok(WHAT, format!("{}.", shown(group, place))),
            None if found.is_empty() => Answer::not_asked(WHAT, format!("{id}: no place of the class was reached.")),
            None => Answer::missing(
                WHAT,
                format!("{id} is in none of the class's accounts and regions: create it, or correct the class."),
            ),
        }
    });
    let mut answers: Vec<Answer> = ids.collect();
    if let Some(name) = &declared.name {
        answers.extend(found.iter().map(|(place, groups)| {
            let named: Vec<&SecurityGroup> = groups.iter().filter(|group| group.name == *name).collect();
            if named.is_empty() {
                let message = format!(
                    "{}: no VPC has a security group named {name}. Create it in each VPC whose instances are to be isolated.",
                    at(place)
                );
                return Answer::missing(WHAT, message);
            }
            let vpcs: Vec<&str> = named.iter().map(|group| group.vpc_id.as_str()).collect();
            Answer::ok(WHAT, format!("{name} in {} ({}).", vpcs.join(", "), at(place)))
        }));
    }
    if let Some(managed) = &declared.managed {
        let there = found.iter().map(|(_, groups)| groups.len()).sum::<usize>();
        let message = format!("{}: made in each VPC when it is first needed. So far: {there}.", managed.name);
        answers.push(Answer::ok(WHAT, message));
    }
    answers
}

/// What is wrong with a group whose rules don't isolate. None: they do.
pub fn open(group: &SecurityGroup, leaks: &Leaks) -> Option<Answer> {
    let how = match (leaks.ingress_from_everywhere, leaks.egress_to_everywhere) {
        (false, false) => return None,
        (true, false) => "lets everything in",
        (false, true) => "lets everything out",
        (true, true) => "lets everything in and out",
    };
    let message = format!("{} in {} {how}, so that it isolates nothing: take that rule away.", group.id, group.vpc_id);
    Some(Answer::missing("isolation group", message))
}

/// What there is to say of a queue that can be read.
pub fn queue(what: &str, queue: &QueueSight) -> Vec<Answer> {
    let dead_letters = match &queue.dead_letters {
        Some(dead) => format!("What can't be read goes to {} after {} receives.", dead.arn, dead.max_receives),
        None => "It has no dead-letter queue: what can't be read comes again until the queue drops it.".to_owned(),
    };
    let asked = Answer::ok(
        what,
        format!(
            "It can be asked; about {} messages wait. {dead_letters} Whether messages may be received can't be asked without receiving one.",
            queue.waiting
        ),
    );
    let what = format!("{what}, EventBridge");
    let sending = match (delivery::obstacle(queue), &queue.key) {
        (Some(problem), _) => Answer::refused(what, &problem),
        (None, None) => Answer::ok(what, "Nothing in its policy and encryption keeps a rule from sending."),
        (None, Some(key)) => Answer::ok(
            what,
            format!(
                "Nothing in its policy keeps a rule from sending. Whether the policy of its key {key} lets events.amazonaws.com in isn't asked."
            ),
        ),
    };
    vec![asked, sending]
}

/// Account and region, in words.
pub fn at(place: &Place) -> String {
    format!("account {}, {}", place.account_id, place.region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::needs::answer::State;
    use serde_json::{Value, json};

    fn class(name: &str, default: bool, spec: Value) -> QuarantineClass {
        let mut all = json!({"securityGroup": {"id": "sg-1"}, "namespaceSelector": {"matchLabels": {"team": "ir"}}});
        all.as_object_mut().expect("an object").extend(spec.as_object().expect("an object").clone());
        let annotations = if default { json!({DEFAULT_CLASS_ANNOTATION: "true"}) } else { json!({}) };
        serde_json::from_value(json!({"apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "QuarantineClass",
            "metadata": {"name": name, "annotations": annotations}, "spec": all}))
        .expect("a class")
    }

    fn namespaces() -> Namespaces {
        let labels = |team: &str| BTreeMap::from([("team".to_owned(), team.to_owned())]);
        BTreeMap::from([("a".to_owned(), labels("ir")), ("b".to_owned(), labels("web"))])
    }

    fn source(template: Value) -> FindingSource {
        serde_json::from_value(json!({"apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource",
            "metadata": {"name": "hub"}, "spec": {"queueUrl": "https://sqs/1/q", "region": "eu-1", "template": template}}))
        .expect("a source")
    }

    #[test]
    fn no_class_and_several_default_classes_are_missing_one_default_or_none_is_not() {
        let (one, other) = (class("one", true, json!({})), class("other", true, json!({})));
        let plain = class("plain", false, json!({}));
        assert_eq!(default_class(&[]).state, State::Missing);
        assert_eq!(default_class(&[one.clone(), plain.clone()]).message, "one.");
        assert_eq!(default_class(&[plain]).state, State::Ok);
        assert!(default_class(&[one, other]).message.contains("(one, other)"));
    }

    #[test]
    fn a_class_that_no_namespace_may_use_holds_nothing() {
        assert_eq!(used_from(&class("c", false, json!({})), &namespaces()).message, "a.");
        let selecting = |team: &str| class("c", false, json!({"namespaceSelector": {"matchLabels": {"team": team}}}));
        assert_eq!(used_from(&selecting("nobody"), &namespaces()).state, State::Missing);
        let mut open = class("c", false, json!({}));
        open.spec.namespace_selector = None;
        assert!(used_from(&open, &namespaces()).message.contains("set one ({} selects all)"));
    }

    #[test]
    fn a_template_needs_a_namespace_and_a_class_that_selects_it() {
        let classes = [class("c", true, json!({}))];
        let said = |template: Value| judged(&classes, template);
        fn judged(classes: &[QuarantineClass], given: Value) -> Answer {
            template(&source(given), classes, &namespaces())
        }
        assert_eq!(said(json!({"namespace": "a"})).state, State::Ok);
        assert!(said(json!({"namespace": "z"})).message.contains("no namespace z"));
        assert!(said(json!({"namespace": "b"})).message.contains("doesn't select namespace b"));
        assert!(said(json!({"namespace": "a", "className": "x"})).message.contains("no QuarantineClass x"));
        assert!(judged(&[], json!({"namespace": "a"})).message.contains("set template.className"));
    }

    #[test]
    fn a_class_is_asked_for_in_each_account_and_region_that_it_names_else_in_the_operators_own() {
        let home = Home { account_id: "1".to_owned(), partition: "aws".to_owned(), region: Some("eu-1".to_owned()) };
        let all = json!({"accounts": ["2", "3"], "regions": ["us-1", "us-2"], "assumeRole": {"roleName": "q"}});
        let told: Vec<String> = places(&class("c", false, all), &home).iter().map(at).collect();
        assert_eq!(told, ["account 2, us-1", "account 2, us-2", "account 3, us-1", "account 3, us-2"]);
        let own: Vec<String> = places(&class("c", false, json!({})), &home).iter().map(at).collect();
        assert_eq!(own, ["account 1, eu-1"]);
    }

    #[test]
    fn a_group_by_id_has_to_be_in_one_place_and_one_by_name_in_each() {
        let place = |region: &str| Place { account_id: "1".to_owned(), region: region.to_owned(), role: None };
        let found = SecurityGroup {
            id: "sg-1".to_owned(),
            name: "isolation".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            tags: BTreeMap::new(),
            ingress: Vec::new(),
            egress: Vec::new(),
            ..SecurityGroup::default()
        };
        let seen = [(place("eu-1"), vec![found]), (place("eu-2"), vec![])];
        let states = |class: QuarantineClass| -> Vec<State> {
            group(&class, &seen).into_iter().map(|answer| answer.state).collect()
        };
        assert_eq!(states(class("c", false, json!({}))), [State::Ok]);
        let allowed = json!({"allowedSecurityGroupIds": ["sg-2"]});
        assert_eq!(states(class("c", false, allowed)), [State::Ok, State::Missing]);
        let named = json!({"securityGroup": {"name": "isolation"}});
        assert_eq!(states(class("c", false, named)), [State::Ok, State::Missing]);
        assert_eq!(group(&class("c", false, json!({})), &[])[0].state, State::NotAsked);
    }
}
