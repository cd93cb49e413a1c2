//! Many Quarantines, a line each, in the columns that `kubectl get` has.

use super::{
    paint::{Paint, Tone},
    words::{age, plain},
};
use jiff::Timestamp;
use kube::ResourceExt;
use quarantine_operator::api::{ConditionType, Quarantine, Target};

/// Which columns there are beside the usual ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct Columns {
    pub namespace: bool,
    /// Region, account and message.
    pub wide: bool,
}

/// Blanks between columns.
const GAP: usize = 3;

pub fn table(claims: &[Quarantine], columns: Columns, now: Timestamp, paint: Paint) -> String {
    let heading = row_of(columns, |column| column.heading().to_owned());
    let rows = claims.iter().map(|claim| row_of(columns, |column| column.cell(claim, now)));
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(rows).collect();
    let width = |index: usize| rows.iter().map(|row| row[index].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let tones = std::iter::once(None).chain(claims.iter().map(|claim| Some(tone(claim))));
    let line = |(row, tone): (&Vec<String>, Option<Tone>)| {
        let cells = row.iter().zip(&widths).zip(shown(columns)).map(|((cell, width), column)| {
            let padding = " ".repeat(width - cell.chars().count() + GAP);
            let cell = match tone.filter(|_| column == Column::Reason) {
                Some(tone) => paint.with(tone, cell),
                None => cell.clone(),
            };
            cell + &padding
        });
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().zip(tones).map(line).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Namespace,
    Name,
    Instance,
    Contained,
    Interfaces,
    Class,
    Reason,
    Age,
    Region,
    Account,
    Message,
}

fn shown(columns: Columns) -> impl Iterator<Item = Column> {
    use Column::{Account, Age, Class, Contained, Instance, Interfaces, Message, Name, Namespace, Reason, Region};
    let all =
        [Namespace, Name, Instance, Contained, Interfaces, Class, Reason, Age, Region, Account, Message].into_iter();
    all.filter(move |column| match column {
        Namespace => columns.namespace,
        Region | Account | Message => columns.wide,
        _ => true,
    })
}

fn row_of(columns: Columns, cell: impl Fn(Column) -> String) -> Vec<String> {
    shown(columns).map(cell).collect()
}

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Self::Namespace => "NAMESPACE",
            Self::Name => "NAME",
            Self::Instance => "INSTANCE",
            Self::Contained => "CONTAINED",
            Self::Interfaces => "INTERFACES",
            Self::Class => "CLASS",
            Self::Reason => "REASON",
            Self::Age => "AGE",
            Self::Region => "REGION",
            Self::Account => "ACCOUNT",
            Self::Message => "MESSAGE",
        }
    }

    fn cell(self, claim: &Quarantine, now: Timestamp) -> String {
        let resolved = claim.resolved();
        let Target { instance, finding } = &claim.spec.target;
        let instance = instance.as_ref();
        let ready = claim.condition(ConditionType::Ready);
        let told = match self {
            Self::Namespace => claim.namespace(),
            Self::Name => Some(claim.name_any()),
            Self::Instance => resolved
                .map(|target| target.instance_id.clone())
                .or_else(|| instance.map(|instance| instance.id.clone()))
                .or_else(|| finding.as_ref()?.instance_id.clone()),
            Self::Contained => claim.condition(ConditionType::Contained).map(|said| format!("{:?}", said.status)),
            Self::Interfaces => claim.status.as_ref().and_then(|status| status.interface_summary.clone()),
            Self::Class => claim.class_name().cloned(),
            Self::Reason => ready.map(|ready| ready.reason.clone()),
            Self::Age => claim.metadata.creation_timestamp.as_ref().map(|since| age(since.0, now)),
            Self::Region => resolved
                .map(|target| target.region.clone())
                .or_else(|| instance.map(|instance| instance.region.clone())),
            Self::Account => resolved.map(|target| target.account_id.clone()).or_else(|| instance?.account_id.clone()),
            Self::Message => ready.map(|ready| ready.message.clone()),
        };
        told.map_or_else(|| "-".to_owned(), |told| plain(&told))
    }
}

/// How it stands, in colour.
pub fn tone(claim: &Quarantine) -> Tone {
    if claim.is_true(ConditionType::Stalled) {
        Tone::Bad
    } else if claim.is_true(ConditionType::Ready) {
        Tone::Good
    } else {
        Tone::Busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Claim, now};
    use serde_json::json;

    fn three() -> Vec<Quarantine> {
        let waits = Claim::fresh().seen().metadata(json!({"name": "db", "creationTimestamp": "2026-11-20T12:00:00Z"}));
        let waits = waits.condition("Ready", "False", "ClassNotFound", "Make\u{1b}[2J it.");
        let waits = waits.condition("Stalled", "True", "ClassNotFound", "Make it.").condition(
            "Contained",
            "False",
            "ClassNotFound",
            "",
        );
        [Claim::contained(), waits, Claim::fresh().metadata(json!({"name": "new"}))].map(|claim| claim.build()).to_vec()
    }

    #[test]
    fn a_line_for_each_with_what_is_known_of_it() {
        let shown = table(&three(), Columns::default(), now(), Paint::Plain);
        let wanted = "\
NAME    INSTANCE              CONTAINED   INTERFACES   CLASS               REASON          AGE
web-7   i-0123456789abcdef0   True        2/2          incident-response   Contained       10m
db      i-0123456789abcdef0   False       -            -                   ClassNotFound   4d
new     i-0123456789abcdef0   -           -            -                   -               10m
";
        assert_eq!(shown, wanted);
    }

    #[test]
    fn the_wide_form_adds_where_and_why_and_all_namespaces_add_theirs() {
        let shown = table(&three()[..2], Columns { namespace: true, wide: true }, now(), Paint::Plain);
        let wanted = "\
NAMESPACE   NAME    INSTANCE              CONTAINED   INTERFACES   CLASS               REASON          AGE   REGION         ACCOUNT        MESSAGE
ir          web-7   i-0123456789abcdef0   True        2/2          incident-response   Contained       10m   eu-central-1   111122223333   All 2 interfaces carry only sg-0.
ir          db      i-0123456789abcdef0   False       -            -                   ClassNotFound   4d    eu-central-1   -              Make [2J it.
";
        assert_eq!(shown, wanted);
    }

    #[test]
    fn colour_moves_no_column() {
        let (plain, coloured) = (
            table(&three(), Columns::default(), now(), Paint::Plain),
            table(&three(), Columns::default(), now(), Paint::Coloured),
        );
        assert!(
            coloured.contains("\u{1b}[32mContained\u{1b}[0m") && coloured.contains("\u{1b}[31mClassNotFound\u{1b}[0m")
        );
        let codes = ["\u{1b}[32m", "\u{1b}[31m", "\u{1b}[33m", "\u{1b}[0m"];
        assert_eq!(codes.iter().fold(coloured, |text, code| text.replace(code, "")), plain);
    }
}
