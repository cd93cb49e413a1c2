//! Which cuts are left to be made. What runs show that wasn't known is cut at too.

use super::{
    run::Phase,
    scissors::{Cut, Kind, Point},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A call that depends on how things fall out side by side may be missing from a run: it is waited for in so many.
const TRIES: usize = 3;

/// The cuts of one phase.
#[derive(Default)]
pub struct Work {
    known: BTreeSet<Point>,
    left: VecDeque<(Cut, usize)>,
    under_way: usize,
    made: BTreeMap<Point, usize>,
    given_up: Vec<Cut>,
}

impl Work {
    pub fn learn(&mut self, points: &[Point]) {
        for point in points {
            if self.known.insert(point.clone()) {
                self.left.extend(Kind::BOTH.map(|kind| (Cut { point: point.clone(), kind }, 0)));
            }
        }
    }

    /// The cut of the next run; none if all are made.
    pub fn next(&mut self) -> Option<Cut> {
        let (cut, tried) = self.left.pop_front()?;
        self.under_way = tried;
        Some(cut)
    }

    /// The last cut was tried; `phase` tells whether it was made.
    pub fn done(&mut self, cut: Option<Cut>, phase: &Phase) {
        self.learn(&phase.points);
        match cut {
            Some(cut) if phase.cut => *self.made.entry(cut.point).or_default() += 1,
            Some(cut) if self.under_way + 1 < TRIES => self.left.push_back((cut, self.under_way + 1)),
            Some(cut) => self.given_up.push(cut),
            None => {}
        }
    }

    /// How many points were cut at in both kinds.
    pub fn points_cut(&self) -> usize {
        self.made.values().filter(|kinds| **kinds == Kind::BOTH.len()).count()
    }

    /// Cuts at calls that were seen, and then never again.
    pub fn unreached(&self) -> impl Iterator<Item = String> {
        self.given_up.iter().map(Cut::to_string)
    }
}
