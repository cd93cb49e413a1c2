//! Visits every state, breadth first, so that the way to a break is a shortest one.

use crate::{
    act::Act,
    api_server::stamp_containment,
    drive::{Fate, Which},
    state::{Before, Setting, State, isolated},
};
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use quarantine_core::{
    interface::{ARRIVES_WITHIN, UNSETTLED},
    object::State as RecordState,
};
use std::{collections::hash_map::Entry, hash::BuildHasher};

#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub faults: u8,
    pub acts: u8,
}

pub struct Found {
    pub states: usize,
    pub closures: usize,
    pub breaks: Option<Break>,
}

pub struct Break {
    pub rule: String,
    pub way: Vec<String>,
}

/// What leads from one state to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Begins(Which),
    Answers(Fate),
    Dies(Fate),
    Acts(Act),
    LandsCall(usize),
    LandsWrite(usize),
    AMinutePasses,
    FiveMinutesPass,
    /// EC2's reads show the interface again.
    Shows,
}

type Print = u64;

fn print(state: &State) -> Print {
    foldhash::quality::FixedState::default().hash_one(state)
}

pub fn search(setting: Setting, bounds: Bounds) -> Found {
    let nothing = State::initial(bounds.faults, bounds.acts);
    let initial = match if setting.begins_held { nothing.held(setting) } else { Ok(nothing) } {
        Ok(initial) => initial,
        Err(rule) => return Found { states: 0, closures: 0, breaks: Some(Break { rule, way: Vec::new() }) },
    };
    let mut parents: HashMap<Print, (Print, Option<Event>)> = HashMap::new();
    let mut ended: HashSet<Print> = HashSet::new();
    let first = print(&initial);
    parents.insert(first, (first, None));
    let mut level = vec![initial];
    while !level.is_empty() {
        let mut next_level = Vec::new();
        for state in level {
            let here = print(&state);
            let broken = |rule: String, last: Option<Event>, parents: &HashMap<Print, (Print, Option<Event>)>| {
                let mut way = way_to(here, parents);
                way.extend(last.map(|event| format!("{event:?}")));
                Some(Break { rule, way })
            };
            if ended.insert(print(&calm_print(&state)))
                && let Err(rule) = state.ends_well(setting)
            {
                return Found { states: parents.len(), closures: ended.len(), breaks: broken(rule, None, &parents) };
            }
            for (event, outcome) in successors(&state, setting) {
                let mut next = match outcome.and_then(|next| next.keeps_the_way_back().map(|()| next)) {
                    Ok(next) => next,
                    Err(rule) => {
                        let breaks = broken(rule, Some(event), &parents);
                        return Found { states: parents.len(), closures: ended.len(), breaks };
                    }
                };
                if next.faults == 0 {
                    // No read will be stale any more.
                    next.before = Before::default();
                }
                let there = print(&next);
                if let Entry::Vacant(unseen) = parents.entry(there) {
                    unseen.insert((here, Some(event)));
                    next_level.push(next);
                }
            }
        }
        level = next_level;
    }
    Found { states: parents.len(), closures: ended.len(), breaks: None }
}

/// States that differ only in what is under way come to the same end.
fn calm_print(state: &State) -> State {
    let mut calm = state.clone();
    calm.end_reconcile();
    calm.late_writes.clear();
    calm.before = Before::default();
    calm.hidden = false;
    calm.faults = 0;
    calm.acts = 0;
    calm.created = [0, 0];
    calm.containment.iter_mut().for_each(stamp_containment);
    calm
}

fn way_to(print: Print, parents: &HashMap<Print, (Print, Option<Event>)>) -> Vec<String> {
    let mut way = Vec::new();
    let mut here = print;
    while let Some((from, Some(event))) = parents.get(&here) {
        way.push(format!("{event:?}"));
        here = *from;
    }
    way.reverse();
    way
}

fn successors(state: &State, setting: Setting) -> Vec<(Event, Result<State, String>)> {
    let mut next = Vec::new();
    let fault = |state: State| State { faults: state.faults.saturating_sub(1), ..state };
    if state.running.is_some() {
        next.extend(state.answer(Fate::Well).map(|after| (Event::Answers(Fate::Well), after)));
        if state.faults > 0 {
            for fate in Fate::FAULTS {
                next.extend(state.answer(fate).map(|after| (Event::Answers(fate), after.map(fault))));
                next.extend(state.cut_off(fate).map(|after| (Event::Dies(fate), after.map(fault))));
            }
        }
    } else {
        next.extend(Which::ALL.map(|which| (Event::Begins(which), Ok(state.begin(setting, which)))));
        for (event, by) in [(Event::AMinutePasses, UNSETTLED), (Event::FiveMinutesPass, ARRIVES_WITHIN)] {
            let mut older = state.clone();
            older.age(by);
            next.push((event, Ok(older)));
        }
    }
    if state.acts > 0 {
        let acted = |act| Some((Event::Acts(act), Ok(State { acts: state.acts - 1, ..state.after(act)? })));
        next.extend(Act::all().into_iter().filter_map(acted));
    }
    if state.hidden {
        next.push((Event::Shows, Ok(State { hidden: false, ..state.clone() })));
    }
    for index in 0..state.late_calls.len() {
        let mut after = state.clone();
        let (call, _) = after.late_calls.remove(index);
        let landed = after.apply(&call).map(|_| after);
        next.push((Event::LandsCall(index), landed));
    }
    for index in 0..state.late_writes.len() {
        let mut after = state.clone();
        let landed = after.land_write(index).map(|()| after);
        next.push((Event::LandsWrite(index), landed));
    }
    next
}

impl State {
    /// Isolated by us: then the way back stands in a record that has not ended.
    fn keeps_the_way_back(&self) -> Result<(), String> {
        let carries_ours = self.interface.as_ref().is_some_and(|interface| interface.groups == isolated());
        if !carries_ours || !self.ghost.isolated_by_us || self.ghost.excused {
            return Ok(());
        }
        let records = self.containment.iter().flat_map(|containment| &containment.status.records);
        let stands = records.clone().any(|record| !record.state.is_final() || record.state == RecordState::Retained);
        if stands {
            Ok(())
        } else {
            Err("rule 1: the interface is isolated by us, and no record gives it back".to_owned())
        }
    }
}
