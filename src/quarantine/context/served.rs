//! What the API server drops of what this version writes and reads, because its CRDs are older. Who looks is not known here.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many fields are named.
const NAMED: usize = 5;

/// As last seen. Nothing is known to be dropped before the first look.
#[derive(Default)]
pub struct Served(Mutex<Vec<String>>);

impl Served {
    /// True: it is not what was seen before.
    pub fn is_seen_to_drop(&self, fields: Vec<String>) -> bool {
        let mut dropped = self.dropped();
        let differs = *dropped != fields;
        *dropped = fields;
        differs
    }

    /// Whether all that this version writes is stored. If it isn't, nothing may be done: what a person suspends, or limits,
    /// would read as if they had not.
    pub fn is_whole(&self) -> bool {
        self.dropped().is_empty()
    }

    /// Which fields are dropped; none: none is.
    pub fn lack(&self) -> Option<String> {
        let dropped = self.dropped();
        let more = dropped.len().saturating_sub(NAMED);
        let named = dropped.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!dropped.is_empty()).then(|| {
            format!(
                "the custom resources are older than this operator ({}), and the API server drops {named}{more}",
                env!("CARGO_PKG_VERSION")
            )
        })
    }

    /// A poisoned lock is as good as any: the list is never half written.
    fn dropped(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_fields_are_named_and_the_others_counted() {
        let served = Served::default();
        assert!(served.is_whole() && served.lack().is_none());
        let fields: Vec<String> = (0..7).map(|number| format!("Quarantine.spec.f{number}")).collect();
        assert!(served.is_seen_to_drop(fields.clone()) && !served.is_seen_to_drop(fields));
        let lack = served.lack().expect("something is dropped");
        assert!(lack.ends_with("drops Quarantine.spec.f0, Quarantine.spec.f1, Quarantine.spec.f2, Quarantine.spec.f3, Quarantine.spec.f4 and 2 more"), "{lack}");
        assert!(served.is_seen_to_drop(Vec::new()) && served.is_whole());
    }
}
