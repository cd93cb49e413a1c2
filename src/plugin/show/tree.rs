//! One Quarantine as a tree: what was, what is, and why.

use super::{
    paint::{Paint, Tone},
    table::tone,
    words::{WIDTH, age, full_name, plain, target, wrap},
};
use crate::stand;
use jiff::Timestamp;
use quarantine_operator::api::{
    Condition, ConditionStatus, ConditionType, FindingStatus, InterfaceState, InterfaceStatus, Mode, Quarantine,
    QuarantineStatus, RecordSource, ReleasePolicy,
};

pub fn tree(claim: &Quarantine, now: Timestamp, paint: Paint) -> String {
    let ready = claim.condition(ConditionType::Ready);
    let reason = ready.map_or_else(|| "not looked at yet".to_owned(), |ready| plain(&ready.reason));
    let head = format!("{}  {}", paint.with(Tone::Strong, &full_name(claim)), paint.with(tone(claim), &reason));
    let status = claim.status.clone().unwrap_or_default();
    let mut below = about(claim, &status, now);
    if !status.interfaces.is_empty() {
        let summary = status.interface_summary.as_deref().map(plain).unwrap_or_default();
        let each = status.interfaces.iter().map(|record| interface(record, paint));
        below.push(Node::new(format!("interfaces  {summary}").trim_end()).with(each));
    }
    if !status.conditions.is_empty() {
        below.push(Node::new("conditions").with(conditions(&status.conditions, now, paint)));
    }
    if !status.findings.is_empty() {
        below.push(Node::new("findings").with(status.findings.iter().map(|told| finding(told, now, paint))));
    }
    let mut lines = vec![head];
    Node::new("").with(below).write_below("", &mut lines);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The command that goes on from here, where one does.
pub fn next_command(claim: &Quarantine) -> Option<&'static str> {
    if claim.is_deleting() {
        return (stand::is_held(claim) && !stand::is_approved(claim)).then_some("approve");
    }
    Some(if claim.spec.acts() { "release" } else { "enforce" })
}

fn about(claim: &Quarantine, status: &QuarantineStatus, now: Timestamp) -> Vec<Node> {
    let class = status.class_name.as_ref().or(claim.spec.class_name.as_ref());
    let since = |time: Timestamp| format!("{} ago ({time:.0})", age(time, now));
    let corrections = match status.corrections {
        0 => String::new(),
        1 => "; drift was put right once".to_owned(),
        times => format!("; drift was put right {times} times"),
    };
    let doing = [
        (claim.spec.mode == Mode::DryRun).then_some("dry run: nothing is changed"),
        claim.spec.suspend.then_some("suspended: nothing is changed any more"),
        (claim.spec.release.policy == ReleasePolicy::Retain).then_some("release.policy: Retain: nothing is given back"),
    ];
    let held_by = status.held_by.as_ref().map(|by| plain(&format!("{}/{}", by.namespace, by.name)));
    let mut told = vec![("instance", Some(target(claim))), ("class", class.map(|class| plain(class)))];
    told.push(("reason", claim.spec.reason.as_deref().map(plain)));
    told.extend(doing.into_iter().flatten().map(|mode| ("mode", Some(mode.to_owned()))));
    told.push(("created", claim.metadata.creation_timestamp.as_ref().map(|time| since(time.0))));
    told.push(("contained", status.contained_at.as_ref().map(|time| since(time.0) + &corrections)));
    told.push(("deleted", claim.deleted_at().map(since)));
    told.push(("held by", held_by));
    told.push(("finding", status.finding.as_ref().map(|finding| plain(&finding.id))));
    told.push(("policy", status.policy_changed.as_deref().map(plain)));
    told.into_iter().filter_map(|(name, value)| Some(Node::new(format!("{name:<10}  {}", value?)))).collect()
}

fn interface(record: &InterfaceStatus, paint: Paint) -> Node {
    let InterfaceStatus { id, vpc_id, state, message, recorded_from, .. } = record;
    let state = paint.with(state_tone(*state), &format!("{state:?}"));
    let tags = match recorded_from {
        RecordSource::Interface => "",
        RecordSource::Tags => "  (read from the tags on it)",
        RecordSource::Primary => "  (those of the primary interface; it had none of its own)",
    };
    let was = Node::new(format!("was  {}{tags}", originals(record)));
    let message = message.as_deref().map(|message| Node::new("why").saying(message));
    let lines = [Some(was), Some(Node::new(format!("is   {}", is_now(record)))), message];
    let head = format!("{}  {state}  {}", plain(id), paint.with(Tone::Faint, &plain(vpc_id)));
    Node::new(head).with(lines.into_iter().flatten())
}

fn originals(record: &InterfaceStatus) -> String {
    let known = record.original_security_groups.as_ref();
    known.map_or_else(|| "not known".to_owned(), |groups| plain(&groups.join(", ")))
}

/// What the interface carries by the last look, as far as its state tells.
fn is_now(record: &InterfaceStatus) -> String {
    let ours = record.isolation_groups.last().map(|group| plain(group)).unwrap_or_default();
    match record.state {
        InterfaceState::Isolated | InterfaceState::RestoreHeld => ours,
        InterfaceState::Isolating => format!("on its way to {ours}"),
        InterfaceState::Refused => format!("not {ours}: AWS refuses it"),
        InterfaceState::Restoring => format!("{ours}, on its way back"),
        InterfaceState::Restored => originals(record),
        InterfaceState::Missing => "not found by the last look".to_owned(),
        InterfaceState::Gone => "no longer there".to_owned(),
        InterfaceState::NotOurs => "set by somebody else, and left so".to_owned(),
        InterfaceState::Retained => format!("left as it was: {ours}"),
        InterfaceState::TakenOver => "recorded by another Quarantine".to_owned(),
    }
}

fn state_tone(state: InterfaceState) -> Tone {
    match state {
        InterfaceState::Isolated | InterfaceState::Restored => Tone::Good,
        InterfaceState::Refused | InterfaceState::RestoreHeld | InterfaceState::NotOurs => Tone::Bad,
        InterfaceState::Isolating | InterfaceState::Restoring | InterfaceState::Missing => Tone::Busy,
        InterfaceState::Gone | InterfaceState::Retained | InterfaceState::TakenOver => Tone::Faint,
    }
}

/// A message that several of them share is told once.
fn conditions(all: &[Condition], now: Timestamp, paint: Paint) -> Vec<Node> {
    let told = |index: usize, said: &Condition| all[..index].iter().any(|before| before.message == said.message);
    let nodes = all.iter().enumerate().map(|(index, said)| {
        let node = condition(said, now, paint);
        if told(index, said) { node } else { node.saying(&said.message) }
    });
    nodes.collect()
}

fn condition(said: &Condition, now: Timestamp, paint: Paint) -> Node {
    let Condition { type_, status, reason, last_transition_time, .. } = said;
    let since = age(last_transition_time.0, now);
    let head = paint.with(condition_tone(said), &plain(&format!("{type_}={status:?}")));
    Node::new(format!("{head}  {}, {since}", plain(reason)))
}

/// Stalled and EvidenceAtRisk are bad news when they hold, Reconciling is no news, the others are bad when they don't.
fn condition_tone(said: &Condition) -> Tone {
    let bad = said.is(ConditionType::Stalled) || said.is(ConditionType::EvidenceAtRisk);
    match said.status {
        ConditionStatus::Unknown => Tone::Busy,
        _ if said.is(ConditionType::Reconciling) => Tone::Busy,
        ConditionStatus::True if bad => Tone::Bad,
        ConditionStatus::True => Tone::Good,
        ConditionStatus::False if bad => Tone::Good,
        ConditionStatus::False => Tone::Bad,
    }
}

fn finding(told: &FindingStatus, now: Timestamp, paint: Paint) -> Node {
    let FindingStatus { id, told, told_at, message, .. } = told;
    let when = told_at.as_ref().map(|time| format!(", {}", age(time.0, now))).unwrap_or_default();
    let outcome = match told {
        Some(told) => paint.with(Tone::Good, &format!("told {}{when}", plain(told))),
        None => paint.with(Tone::Busy, "not told yet"),
    };
    let node = Node::new(format!("{}  {outcome}", plain(id)));
    match message {
        Some(message) => node.saying(message),
        None => node,
    }
}

/// A line with its branches.
struct Node {
    head: String,
    /// In words, under the line.
    said: String,
    below: Vec<Node>,
}

impl Node {
    fn new(head: impl Into<String>) -> Self {
        Self { head: head.into(), said: String::new(), below: Vec::new() }
    }

    fn saying(self, said: &str) -> Self {
        Self { said: plain(said), ..self }
    }

    fn with(self, below: impl IntoIterator<Item = Node>) -> Self {
        Self { below: below.into_iter().collect(), ..self }
    }

    fn write_below(&self, before: &str, lines: &mut Vec<String>) {
        let last = self.below.len().saturating_sub(1);
        for (index, node) in self.below.iter().enumerate() {
            let (branch, trunk) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            lines.push(format!("{before}{branch}{}", node.head));
            let below = format!("{before}{trunk}");
            let margin = if node.below.is_empty() { "   " } else { "│  " };
            let width = WIDTH.saturating_sub(below.chars().count() + margin.chars().count());
            lines.extend(wrap(&node.said, width).iter().map(|line| format!("{below}{margin}{line}")));
            node.write_below(&below, lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Claim, deleted, now};
    use serde_json::json;

    fn shown(claim: &Claim) -> String {
        tree(&claim.build(), now(), Paint::Plain)
    }

    #[test]
    fn what_is_contained_shows_what_was_and_what_is() {
        let told = json!([
            {"id": "f-1", "region": "eu-central-1", "productArn": "arn:p", "told": "Contained", "toldAt": "2026-11-24T12:00:10Z"},
            {"id": "f-2", "region": "eu-central-1", "productArn": "arn:p", "message": "Nobody may."},
        ]);
        let claim = Claim::contained().status(json!({"corrections": 2, "findings": told}));
        let wanted = "\
ir/web-7  Contained
├─ instance    i-0123456789abcdef0 in eu-central-1, account 111122223333
├─ class       incident-response
├─ reason      IR-2026-041
├─ created     10m ago (2026-11-24T12:00:00Z)
├─ contained   9m55s ago (2026-11-24T12:00:05Z); drift was put right 2 times
├─ interfaces  2/2
│  ├─ eni-1  Isolated  vpc-1
│  │  ├─ was  sg-web, sg-app
│  │  └─ is   sg-0
│  └─ eni-2  Isolated  vpc-1
│     ├─ was  sg-db
│     └─ is   sg-0
├─ conditions
│  ├─ Ready=True  Contained, 5m
│  │     All 2 interfaces carry only sg-0.
│  └─ Contained=True  Contained, 5m
└─ findings
   ├─ f-1  told Contained, 9m50s
   └─ f-2  not told yet
         Nobody may.
";
        assert_eq!(shown(&claim), wanted);
    }

    #[test]
    fn an_interface_in_each_state_says_what_it_carries() {
        let is = |state: &str| {
            let claim =
                Claim::fresh().interface("eni-1", json!({"state": state, "originalSecurityGroups": ["sg-web"]}));
            let shown = shown(&claim);
            let line = shown.lines().find_map(|line| line.split("is   ").nth(1)).expect("it says what is");
            line.to_owned()
        };
        let wanted = [
            ("Isolating", "on its way to sg-0"),
            ("Isolated", "sg-0"),
            ("Refused", "not sg-0: AWS refuses it"),
            ("Restoring", "sg-0, on its way back"),
            ("RestoreHeld", "sg-0"),
            ("Restored", "sg-web"),
            ("Missing", "not found by the last look"),
            ("Gone", "no longer there"),
            ("NotOurs", "set by somebody else, and left so"),
            ("Retained", "left as it was: sg-0"),
            ("TakenOver", "recorded by another Quarantine"),
        ];
        for (state, said) in wanted {
            assert_eq!(is(state), said, "{state}");
        }
    }

    #[test]
    fn what_nobody_has_looked_at_says_so() {
        let wanted = "\
ir/web-7  not looked at yet
├─ instance    i-0123456789abcdef0 in eu-central-1
├─ mode        dry run: nothing is changed
└─ created     10m ago (2026-11-24T12:00:00Z)
";
        assert_eq!(shown(&Claim::fresh().spec(json!({"mode": "DryRun"}))), wanted);
    }

    #[test]
    fn a_held_release_shows_since_when_why_and_where_its_record_comes_from() {
        let held =
            deleted(Claim::fresh().status(json!({"heldBy": {"namespace": "ir", "name": "web-8", "uid": "u-2"}})));
        let message = "its namespace is being deleted ".repeat(5);
        let held =
            held.condition("Ready", "False", "ReleaseHeld", &message).condition("Stalled", "True", "ReleaseHeld", "");
        let held = held.interface(
            "eni-1",
            json!({"state": "RestoreHeld", "recordedFrom": "Tags",
            "originalSecurityGroups": ["sg-web"], "message": "sg-web is gone."}),
        );
        let wanted = "\
ir/web-7  ReleaseHeld
├─ instance    i-0123456789abcdef0 in eu-central-1
├─ created     10m ago (2026-11-24T12:00:00Z)
├─ deleted     60s ago (2026-11-24T12:09:00Z)
├─ held by     ir/web-8
├─ interfaces
│  └─ eni-1  RestoreHeld  vpc-1
│     ├─ was  sg-web  (read from the tags on it)
│     ├─ is   sg-0
│     └─ why
│           sg-web is gone.
└─ conditions
   ├─ Ready=False  ReleaseHeld, 5m
   │     its namespace is being deleted its namespace is being deleted its namespace is being
   │     deleted its namespace is being deleted its namespace is being deleted
   └─ Stalled=True  ReleaseHeld, 5m
";
        assert_eq!(shown(&held), wanted);
    }

    #[test]
    fn colour_changes_no_word() {
        let claim = Claim::contained().condition("EvidenceAtRisk", "True", "ManagedInstance", "Act.").build();
        let coloured = tree(&claim, now(), Paint::Coloured);
        assert!(coloured.contains("\u{1b}[31mEvidenceAtRisk=True\u{1b}[0m") && coloured.contains("\u{1b}[32mIsolated"));
        let codes = ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"];
        let uncoloured = codes.iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(uncoloured, tree(&claim, now(), Paint::Plain));
    }

    #[test]
    fn what_others_wrote_can_not_drive_the_terminal() {
        let claim = Claim::contained().spec(json!({"reason": "\u{1b}]0;x\u{7}a\nb\u{202e}c"}));
        let claim = claim.condition("Ready", "False", "AwsRefused", "\u{1b}[2Jgone");
        let shown = shown(&claim);
        assert!(shown.contains("reason       ]0;x a b c") && shown.contains(" [2Jgone"), "{shown}");
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}') && !shown.contains('\u{202e}'));
    }

    #[test]
    fn the_next_command_is_the_one_that_goes_on() {
        let next = |claim: &Claim| next_command(&claim.build());
        assert_eq!(next(&Claim::contained()), Some("release"));
        assert_eq!(next(&Claim::fresh().spec(json!({"mode": "DryRun"}))), Some("enforce"));
        assert_eq!(next(&Claim::contained().spec(json!({"suspend": true}))), Some("enforce"));
        let held = deleted(Claim::contained()).condition("Ready", "False", "ReleaseHeld", "Why.");
        assert_eq!(next(&held), Some("approve"));
        assert_eq!(next(&held.annotation("quarantine-operator.dev/release", "approved")), None);
        assert_eq!(next(&deleted(Claim::contained())), None);
    }
}
