//! What is said of presses that make nothing, and how many instances of one finding become active.

use super::{
    fixtures::{changed, event, now, read, source, spec},
    planning::{counted, exists, goes, planned, released},
};
use crate::{
    api::{Counters, FindingReference, InstanceTarget},
    intake::{Approval, Event, Existing, InstanceFacts, Step, plan, plan::wanted},
};
use serde_json::json;

#[test]
fn a_person_is_told_of_every_press_that_makes_nothing_and_nobody_of_an_automatic_one() {
    let noted = |name: &str, facts: InstanceFacts| match &planned(&event(name), facts).steps[..] {
        [Step::Echo { note_on, .. } | Step::Wait { note_on, .. } | Step::Join { note_on, .. }] => note_on.len(),
        other => panic!("{other:?}"),
    };
    let full = |existing: &mut Existing| {
        existing.findings = vec![FindingReference::default(); 20];
    };
    let nothing: [(&str, InstanceFacts); 6] = [
        ("an echo", released("2026-03-02T09:15:30Z")),
        ("a deletion under way", exists(|existing| existing.deleting = true)),
        ("another instance's", exists(|existing| existing.instance = None)),
        ("a suspended one", exists(|existing| existing.approval = Some(Approval::Resume))),
        ("a dry run", exists(|existing| existing.approval = Some(Approval::Enforce))),
        ("a full one", exists(full)),
    ];
    for (what, facts) in nothing {
        assert_eq!((noted("custom-action", facts.clone()), noted("imported", facts)), (1, 0), "{what}");
    }
    assert_eq!(noted("custom-action", exists(|_| {})), 0, "its Quarantine tells the outcome");
    let steps = goes(planned(&event("custom-action"), released("2026-03-02T09:15:30Z")));
    assert!(matches!(&steps[..], [Step::Echo { why, .. }] if why.contains("press it again")), "{steps:?}");
}

/// As many instances as wanted in one press.
fn many(count: usize) -> Event {
    read(&changed("custom-action", |event| {
        let resources = event["detail"]["findings"][0]["Resources"].as_array_mut().expect("resources");
        let instance = resources.last().expect("the instance").clone();
        resources.clear();
        resources.extend((0..count).map(|n| {
            let mut one = instance.clone();
            one["Id"] = json!(format!("arn:aws:ec2:eu-central-1:211122223344:instance/i-{n:08x}"));
            one
        }));
    }))
}

#[test]
fn of_one_finding_a_few_instances_become_active_and_the_others_begin_suspended_which_one_event_says() {
    let steps = goes(planned(&many(12), InstanceFacts::default()));
    let (last, made) = steps.split_last().expect("there are steps");
    let suspended: Vec<bool> = made
        .iter()
        .map(|step| match step {
            Step::Create(quarantine) => quarantine.spec.suspend,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(suspended, [vec![false; 5], vec![true; 7]].concat());
    let Step::Crowded { why } = last else { panic!("{last:?}") };
    assert!(why.contains("at most 5") && why.contains("i-0000000b begin suspended"), "{why}");
    assert_eq!(counted(&steps), Counters { created: 12, ..Counters::default() });
    assert_eq!(goes(planned(&many(5), InstanceFacts::default())).len(), 5, "nothing is to be said");
}

#[test]
fn those_that_a_finding_made_before_count_when_it_comes_again() {
    let (spec, event) = (spec(), many(12));
    let source = source(&spec);
    let facts = wanted(&source, &event).into_iter().enumerate().map(|(n, one)| {
        let instance = InstanceTarget {
            id: one.id.clone(),
            region: "eu-central-1".to_owned(),
            account_id: Some("211122223344".to_owned()),
        };
        let made = n % 3 == 0;
        let facts = exists(|existing| existing.instance = Some(instance));
        (one.id.clone(), if made { facts } else { InstanceFacts::default() })
    });
    let steps = goes(plan(&source, &event, &facts.collect(), now()));
    let active = steps.iter().filter(|step| matches!(step, Step::Create(quarantine) if !quarantine.spec.suspend));
    assert_eq!(active.count(), 1, "four are there");
}
