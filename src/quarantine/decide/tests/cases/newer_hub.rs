//! What findings of the newer Security Hub are told: in one comment, signed, that is nobody else's.

use super::{
    super::fixtures::{Scene, scene},
    finding_targets::{FINDING, PRODUCT, finding},
};
use crate::{
    api::{
        ConditionStatus::{False, True},
        ConditionType::{FindingUpdated, Ready},
        FindingReference, Reason,
    },
    model::finding::{Finding, FindingChange, FindingNote, InProgress, NOTE_AUTHOR, Workflow},
    quarantine::{
        decide::finding_change::{change, why_unsaid},
        world::{ActionKind, FinalizerStep, Saying},
    },
};

const PRODUCT_V2: &str = "arn:aws:securityhub:eu-central-1::productv2/aws/guardduty";

fn of_newer_hub() -> Finding {
    assert_eq!(PRODUCT_V2.replace("productv2/", "product/"), PRODUCT);
    Finding { product_arn: Some(PRODUCT_V2.to_owned()), ..finding() }
}

fn commented(text: &str, updated_by: &str) -> Finding {
    let note = FindingNote { text: text.to_owned(), updated_by: updated_by.to_owned() };
    Finding { note: Some(note), ..of_newer_hub() }
}

fn saying(note: Option<&str>, workflow: Option<Workflow>) -> Saying {
    Saying { word: "Contained".to_owned(), note: note.map(str::to_owned), workflow, about: None }
}

#[test]
fn the_comment_is_signed_and_says_whether_the_finding_is_left_in_progress() {
    let contained = saying(Some("Contained."), Some(Workflow::Notified));
    let written = change(&of_newer_hub(), &contained);
    assert_eq!(written.note.as_deref(), Some("Contained. [quarantine-operator: In Progress]"));
    assert_eq!(written.workflow, Some(Workflow::Notified));
    let pressed = Finding { workflow: Workflow::Notified, in_progress: InProgress::SetByOthers, ..of_newer_hub() };
    let written = change(&pressed, &contained);
    assert_eq!(written.note.as_deref(), Some("Contained. [quarantine-operator: In Progress]"));
    assert_eq!(written.workflow, None, "only what is New moves on");
    let written = change(&of_newer_hub(), &saying(Some("Released."), None));
    assert_eq!(written.note.as_deref(), Some("Released. [quarantine-operator]"));
    let resolved = change(&of_newer_hub(), &saying(Some("Contained."), Some(Workflow::Resolved)));
    assert_eq!(resolved.note.as_deref(), Some("Contained. [quarantine-operator]"));
    assert_eq!(resolved.workflow, Some(Workflow::Resolved));
    assert!(resolved.fields.is_empty(), "there are none in OCSF");
}

#[test]
fn our_own_comment_is_written_anew_and_not_twice() {
    let ours = Finding {
        workflow: Workflow::Notified,
        in_progress: InProgress::AsLeft,
        ..commented("Contained. [quarantine-operator: In Progress]", NOTE_AUTHOR)
    };
    assert_eq!(change(&ours, &saying(Some("Contained."), Some(Workflow::Notified))), FindingChange::default());
    let released = change(&ours, &saying(Some("Released."), None));
    assert_eq!(released.note.as_deref(), Some("Released. [quarantine-operator: In Progress]"));
}

#[test]
fn somebody_elses_comment_stays_and_in_progress_is_not_set_without_ours() {
    let theirs = commented("I take it.", "");
    let contained = saying(Some("Contained."), Some(Workflow::Notified));
    assert_eq!(change(&theirs, &contained), FindingChange::default());
    assert_eq!(why_unsaid(&theirs, &contained).map(|why| why.reason), Some(Reason::FindingHasComment));
    let resolved = saying(Some("Contained."), Some(Workflow::Resolved));
    assert_eq!(change(&theirs, &resolved).workflow, Some(Workflow::Resolved), "that reads as nobody's press");
    let wordless = saying(None, Some(Workflow::Notified));
    assert_eq!(change(&of_newer_hub(), &wordless), FindingChange::default());
    for told in [of_newer_hub(), commented("", ""), commented("Held. [quarantine-operator]", NOTE_AUTHOR)] {
        assert_eq!(why_unsaid(&told, &contained), None);
    }
    assert_eq!(why_unsaid(&Finding { product_arn: Some(PRODUCT.to_owned()), ..theirs }, &contained), None);
}

/// A claim of a finding that has somebody else's comment.
fn beside_a_comment() -> Scene {
    let reference = FindingReference {
        id: FINDING.to_owned(),
        region: "eu-central-1".to_owned(),
        product_arn: PRODUCT_V2.to_owned(),
    };
    let mut scene = scene()
        .spec(|spec| spec.findings = vec![reference])
        .class(|class| class.security_hub = Some(serde_json::from_str("{}").expect("every field has a default")));
    scene.hub = vec![commented("I take it.", "")];
    scene
}

#[test]
fn a_comment_of_somebody_else_is_said_once_and_holds_nothing_up() {
    let mut claim = beside_a_comment();
    let looked = claim.look();
    looked.says(FindingUpdated, False, Reason::FindingHasComment, &["comment is somebody else's"]);
    looked.says(Ready, True, Reason::Contained, &[]);
    assert_eq!(claim.written, [FindingChange::default()]);
    claim.look().is_quiet();
    let gone = claim.deleted().look();
    assert_eq!(gone.finalizer, FinalizerStep::Remove, "the release doesn't wait for it");
    assert_eq!(gone.did(ActionKind::Tell), 1, "the end is another thing to say");
}
