//! Names, times and lines, as they stand in every kind of text. What others wrote is made harmless here: it could drive
//! the terminal.

use jiff::Timestamp;
use kube::ResourceExt;
use quarantine_operator::{
    api::{Quarantine, Target},
    model::text,
};

/// How long a line of a message is, what stands before it included.
pub const WIDTH: usize = 100;

/// A condition's message is this long at most.
const MOST: usize = 8_192;

/// One line that moves and hides nothing.
pub fn plain(said: &str) -> String {
    text::plain(said, MOST)
}

/// Namespace and name.
pub fn full_name(claim: &Quarantine) -> String {
    format!("{}/{}", claim.namespace().unwrap_or_default(), claim.name_any())
}

/// Which instance, and where; or which finding, while its instance isn't known.
pub fn target(claim: &Quarantine) -> String {
    if let Some(target) = claim.resolved() {
        return plain(&format!("{} in {}, account {}", target.instance_id, target.region, target.account_id));
    }
    plain(&match &claim.spec.target {
        Target { instance: Some(instance), .. } => {
            let account = instance.account_id.as_ref().map(|account| format!(", account {account}"));
            format!("{} in {}{}", instance.id, instance.region, account.unwrap_or_default())
        }
        Target { finding: Some(finding), .. } => format!("finding {} in {}", finding.id, finding.region),
        Target { .. } => "nothing".to_owned(),
    })
}

/// The time that has passed, in one or two units, as kubectl writes ages.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |big: i64, unit: &str, small: i64, sub: &str| match small {
        0 => format!("{big}{unit}"),
        small => format!("{big}{unit}{small}{sub}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        _ => format!("{days}d"),
    }
}

/// Lines of at most this many characters, broken at blanks; a word that is longer has a line of its own.
pub fn wrap(said: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in said.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::now;
    use jiff::SignedDuration;

    #[test]
    fn an_age_is_told_as_kubectl_tells_it() {
        let told = |seconds: i64| age(now() - SignedDuration::from_secs(seconds), now());
        for (seconds, said) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (185, "3m5s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (12_000, "3h20m"),
            (28_800, "8h"),
            (172_800, "2d"),
            (183_600, "2d3h"),
            (864_000, "10d"),
            (-5, "0s"),
        ] {
            assert_eq!(told(seconds), said, "{seconds}");
        }
    }

    #[test]
    fn a_line_is_broken_at_blanks_and_never_within_a_word() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("sg-0123456789abcdef0 a", 5), ["sg-0123456789abcdef0", "a"]);
        assert_eq!(wrap("", 5), Vec::<String>::new());
    }
}
