//! The values of one metric, by its labels; the registry that shows them; and what one scrape shows of the objects.

use super::definitions::{Definition, Kind};
use prometheus_client::{
    encoding::EncodeMetric,
    metrics::{TypedMetric, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{borrow::Cow, collections::BTreeMap, fmt::Debug, sync::atomic::AtomicU64};

type Value = Cow<'static, str>;
type Labels = Vec<(&'static str, Value)>;

/// One metric, a value for each combination of its labels.
#[derive(Debug)]
pub struct Series<M> {
    labels: &'static [&'static str],
    family: Family<Labels, M, fn() -> M>,
}

impl<M: Clone> Series<M> {
    /// The one with these values of its labels, in the order of the definition.
    pub fn of<const N: usize>(&self, values: [Value; N]) -> M {
        self.family.get_or_create_owned(&labels(self.labels, values))
    }
}

fn labels<const N: usize>(names: &[&'static str], values: [Value; N]) -> Labels {
    debug_assert_eq!(names.len(), N, "a value for each of {names:?}");
    names.iter().copied().zip(values).collect()
}

/// A registry while it is filled.
#[derive(Default)]
pub struct Book(Registry);

impl Book {
    pub fn series<M>(&mut self, definition: &'static Definition, new: fn() -> M) -> Series<M>
    where
        M: EncodeMetric + TypedMetric + Clone + Debug + Send + Sync + 'static,
    {
        let family = Family::new_with_constructor(new);
        self.register(definition, family.clone());
        Series { labels: definition.labels, family }
    }

    /// A histogram without labels.
    pub fn histogram(&mut self, definition: &'static Definition, new: fn() -> Histogram) -> Histogram {
        let histogram = new();
        self.register(definition, histogram.clone());
        histogram
    }

    fn register(&mut self, definition: &'static Definition, metric: impl EncodeMetric + Debug + Send + Sync + 'static) {
        let Definition { name, kind, help, .. } = definition;
        let name = match kind {
            // The exposition adds it.
            Kind::Counter => name.trim_end_matches("_total"),
            Kind::Gauge | Kind::Histogram => name,
        };
        self.0.register(name, *help, metric);
    }

    pub fn registry(self) -> Registry {
        self.0
    }
}

/// Gauges for one scrape.
#[derive(Default)]
pub struct Snapshot {
    book: Book,
    gauges: BTreeMap<&'static str, Series<Gauge<f64, AtomicU64>>>,
}

impl Snapshot {
    /// Adds to the gauge with these values of its labels, which begins at 0.
    pub fn add<const N: usize>(&mut self, gauge: &'static Definition, values: [Value; N], by: f64) {
        self.of(gauge, values).inc_by(by);
    }

    /// Raises it to this value, unless it is higher.
    pub fn raise<const N: usize>(&mut self, gauge: &'static Definition, values: [Value; N], to: f64) {
        let gauge = self.of(gauge, values);
        gauge.set(gauge.get().max(to));
    }

    fn of<const N: usize>(&mut self, gauge: &'static Definition, values: [Value; N]) -> Gauge<f64, AtomicU64> {
        let Self { book, gauges } = self;
        gauges.entry(gauge.name).or_insert_with(|| book.series(gauge, Gauge::default)).of(values)
    }

    pub fn into_registry(self) -> Registry {
        self.book.registry()
    }
}
