//! What a release gives back, and what stands in its way: what a person reads before saying yes.

use super::{
    paint::{Paint, Tone},
    words::{full_name, plain, target},
};
use quarantine_operator::api::{
    InterfaceStatus, MissingGroups, Quarantine, RecordSource, ReleaseApproval, ReleasePolicy,
};

/// `others` are Quarantines that want the same instance cut off.
pub fn given_back(claim: &Quarantine, others: &[String], paint: Paint) -> String {
    let records = claim.records().iter();
    let left: Vec<&InterfaceStatus> = records.filter(|record| !record.state.is_final()).collect();
    let mut lines = vec![format!("{}: {}", paint.with(Tone::Strong, &full_name(claim)), target(claim))];
    if left.is_empty() {
        lines.push("  It holds no interface: nothing is given back.".to_owned());
    }
    lines.extend(left.iter().map(|record| format!("  {}  {}", plain(&record.id), gets(claim, record, paint))));
    lines.extend(warnings(claim, others).iter().map(|warning| paint.with(Tone::Busy, &format!("  Note: {warning}"))));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn gets(claim: &Quarantine, record: &InterfaceStatus, paint: Paint) -> String {
    let originals = record.original_security_groups.as_ref().map(|groups| plain(&groups.join(", ")));
    match (claim.spec.release.policy, originals) {
        (ReleasePolicy::Retain, originals) => {
            let originals = originals.unwrap_or_else(|| "unknown".to_owned());
            format!("stays as it is (release.policy: Retain); its own groups: {originals}")
        }
        (ReleasePolicy::Restore, None) => {
            paint.with(Tone::Bad, "its own groups aren't known: it stays isolated, and the release waits")
        }
        (ReleasePolicy::Restore, Some(groups)) if record.recorded_from == RecordSource::Tags => {
            let compare = paint.with(Tone::Bad, "(read from tags, which others can write: compare them)");
            format!("gets back {groups} {compare}")
        }
        (ReleasePolicy::Restore, Some(groups)) => format!("gets back {groups}"),
    }
}

fn warnings(claim: &Quarantine, others: &[String]) -> Vec<String> {
    let always = claim.status.as_ref().is_some_and(|status| status.release_approval == Some(ReleaseApproval::Always));
    let told = [
        (claim.spec.suspend, "it is suspended: the release waits until suspend is false"),
        (
            claim.spec.release.missing_groups == MissingGroups::Drop,
            "groups that no longer exist are left out (release.missingGroups: Drop)",
        ),
        (always, "its class wants each release approved: kubectl quarantine approve"),
    ];
    let others = others.iter().map(|name| {
        format!("{} wants the instance cut off, too: it stays isolated, and that one takes it over", plain(name))
    });
    let told = told.into_iter().filter(|(is_so, _)| *is_so).map(|(_, warning)| warning.to_owned());
    others.chain(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::Claim;
    use serde_json::json;

    fn shown(claim: Claim) -> String {
        given_back(&claim.build(), &[], Paint::Plain)
    }

    #[test]
    fn each_interface_is_told_with_the_groups_that_it_gets() {
        let wanted = "\
ir/web-7: i-0123456789abcdef0 in eu-central-1, account 111122223333
  eni-1  gets back sg-web, sg-app
  eni-2  gets back sg-db
";
        assert_eq!(shown(Claim::contained()), wanted);
    }

    #[test]
    fn what_is_not_certain_stands_out() {
        let claim = Claim::contained()
            .interface(
                "eni-3",
                json!({"originalSecurityGroups": ["sg-x"], "recordedFrom": "Tags", "state": "Isolated"}),
            )
            .interface("eni-4", json!({"state": "Isolated"}))
            .interface("eni-5", json!({"state": "Gone"}))
            .status(json!({"releaseApproval": "Always"}))
            .spec(json!({"suspend": true, "release": {"missingGroups": "Drop"}}));
        let wanted = "\
ir/web-7: i-0123456789abcdef0 in eu-central-1, account 111122223333
  eni-1  gets back sg-web, sg-app
  eni-2  gets back sg-db
  eni-3  gets back sg-x (read from tags, which others can write: compare them)
  eni-4  its own groups aren't known: it stays isolated, and the release waits
  Note: it is suspended: the release waits until suspend is false
  Note: groups that no longer exist are left out (release.missingGroups: Drop)
  Note: its class wants each release approved: kubectl quarantine approve
";
        assert_eq!(shown(claim), wanted);
    }

    #[test]
    fn what_is_retained_is_not_called_given_back() {
        let said = shown(Claim::contained().spec(json!({"release": {"policy": "Retain"}})));
        assert!(said.contains("eni-2  stays as it is (release.policy: Retain); its own groups: sg-db"), "{said}");
        assert!(!said.contains("gets back"), "{said}");
    }

    #[test]
    fn somebody_else_who_wants_it_cut_off_keeps_it_so() {
        let said = given_back(&Claim::contained().build(), &["ir/web-8".to_owned()], Paint::Plain);
        assert!(said.contains("Note: ir/web-8 wants the instance cut off, too: it stays isolated"), "{said}");
    }

    #[test]
    fn one_that_never_acted_gives_nothing_back() {
        let wanted = "\
ir/web-7: i-0123456789abcdef0 in eu-central-1
  It holds no interface: nothing is given back.
";
        assert_eq!(shown(Claim::fresh()), wanted);
    }
}
