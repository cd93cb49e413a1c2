//! One history: chance decides what happens next. Its end: everybody leaves, and everything must be as it was.

use crate::{
    chance::Chance,
    replica::{Machine, Replica},
    world::{CLASSES, Claimed, INSTANCES, World, all_isolating},
};
use quarantine_core::{
    machine::{ContainmentLoop, QuarantineLoop},
    object::{ApprovalReason, Groups, Holder, Quarantine, Version},
};

const NAMES: [&str; 4] = ["q-0", "q-1", "q-2", "q-3"];

/// More passes than any way to rest takes.
const PASSES: usize = 60;

pub struct History {
    world: World,
    replica: Replica,
    chance: Chance,
    told: Vec<String>,
    steps: u64,
}

impl History {
    pub fn new(chance: Chance) -> Self {
        Self { world: World::new(), replica: Replica::default(), chance, told: Vec::new(), steps: 0 }
    }

    pub fn told(&self) -> &[String] {
        &self.told
    }

    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub fn run(&mut self, steps: usize) -> Result<(), String> {
        for _ in 0..steps {
            self.step()?;
        }
        self.comes_to_rest()?;
        self.who_stays_is_contained()?;
        self.everybody_lets_go();
        self.comes_to_rest()?;
        self.everything_is_as_it_was()
    }

    fn tell(&mut self, what: impl Into<String>) {
        self.steps += 1;
        self.told.push(what.into());
    }

    fn step(&mut self) -> Result<(), String> {
        match self.chance.below(100) {
            0..12 => self.person(),
            12..17 => self.aws(),
            // A call is answered, or given up, within seconds.
            17..22 if self.replica.calls() => return self.answers(),
            17..22 => {
                let seconds = [1, 2, 30, 61, 361][self.chance.below(5)];
                self.world.passes(seconds);
                self.tell(format!("{seconds} s pass"));
            }
            22..25 => self.lands(),
            25..45 => self.begins(),
            _ => return self.answers(),
        }
        Ok(())
    }

    fn begins(&mut self) {
        if self.chance.in_a_hundred(50) {
            let name = NAMES[self.chance.below(NAMES.len())];
            self.begin_quarantine(name);
        } else {
            let name = INSTANCES[self.chance.below(INSTANCES.len())];
            self.begin_containment(name);
        }
    }

    fn begin_quarantine(&mut self, slot: &str) -> bool {
        let listed = self.world.containments.iter().find_map(|(name, containment)| {
            let holder = containment.holders.iter().find(|holder| holder.name == slot)?;
            Some((name.clone(), holder.clone()))
        });
        let named = self.world.quarantines.get(slot).map(|found| (found.instance.to_owned(), entry(slot, found)));
        // The instance of the Containment that lists its uid, else the one that it names.
        let own = self.world.quarantines.get(slot).map(|found| found.object.uid.clone());
        let listed = listed.filter(|(_, holder)| own.is_none() || own.as_ref() == Some(&holder.uid));
        let Some((name, entry)) = listed.or(named) else { return false };
        let machine = Machine::Quarantine(slot.to_owned(), QuarantineLoop::new(entry));
        let begun = self.replica.begin(&self.world, &name, machine);
        if begun {
            self.tell(format!("{slot} begins"));
        }
        begun
    }

    fn begin_containment(&mut self, name: &str) -> bool {
        let begun = self.world.containments.contains_key(name)
            && self.replica.begin(&self.world, name, Machine::Containment(ContainmentLoop::Begins));
        if begun {
            self.tell(format!("{name} begins"));
        }
        begun
    }

    fn answers(&mut self) -> Result<(), String> {
        let running: Vec<String> = self.replica.0.keys().cloned().collect();
        let Some(name) = self.chance.one_of(&running).cloned() else {
            self.begins();
            return Ok(());
        };
        let told = self.replica.answer(&mut self.world, &name, &mut self.chance, true);
        self.told_or_broken(told)
    }

    fn told_or_broken(&mut self, told: Result<String, String>) -> Result<(), String> {
        let told = told?;
        self.tell(told);
        Ok(())
    }

    fn lands(&mut self) {
        if self.world.late.is_empty() {
            return;
        }
        let index = self.chance.below(self.world.late.len());
        let late = self.world.late.remove(index);
        self.world.apply(&late.call, &late.containment);
        self.tell(format!("{:?} lands", late.call));
    }

    fn person(&mut self) {
        let name = NAMES[self.chance.below(NAMES.len())];
        let Some(mut found) = self.world.quarantines.get(name).cloned() else {
            self.world.next_uid += 1;
            let created = Claimed {
                object: Quarantine::created(format!("u{}", self.world.next_uid), Version(String::new())),
                instance: INSTANCES[self.chance.below(2)],
                class: CLASSES[self.chance.below(CLASSES.len())],
            };
            self.tell(format!("{name} is created for {} under {}", created.instance, created.class));
            self.world.put_quarantine(name, Some(created));
            return;
        };
        let quarantine = &mut found.object;
        let what = match self.chance.below(6) {
            0 | 1 => {
                quarantine.deleting = true;
                "is deleted"
            }
            2 => {
                quarantine.suspended = !quarantine.suspended;
                "is suspended, or goes on"
            }
            3 => {
                (quarantine.deleting, quarantine.namespace_deleting) = (true, true);
                "is deleted with its namespace"
            }
            4 => {
                quarantine.approved = REASONS.into();
                "is approved"
            }
            _ => {
                quarantine.suspended = false;
                "goes on"
            }
        };
        self.world.put_quarantine(name, Some(found));
        self.tell(format!("{name} {what}"));
    }

    fn aws(&mut self) {
        let ids: Vec<String> = self.world.interfaces.keys().cloned().collect();
        let Some(id) = self.chance.one_of(&ids).cloned() else { return };
        let act = self.chance.below(10);
        let there = INSTANCES[self.chance.below(INSTANCES.len())];
        let Some(interface) = self.world.interfaces.get_mut(&id).filter(|interface| interface.exists) else { return };
        let what = match act {
            0..4 => {
                interface.attached_to = Some(there);
                format!("{id} is attached to {there}")
            }
            4..7 => {
                interface.attached_to = None;
                format!("{id} is detached")
            }
            7 => {
                interface.exists = false;
                interface.attached_to = None;
                format!("{id} is deleted")
            }
            _ => {
                let groups = Groups::from(["sg-foreign".to_owned()]);
                interface.own = groups.clone();
                interface.foreign_since = true;
                self.world.set_groups(&id, groups);
                format!("{id} gets sg-foreign from somebody else")
            }
        };
        self.tell(what);
    }

    /// Runs everything, without faults, until nothing changes any more, also when time passes.
    fn comes_to_rest(&mut self) -> Result<(), String> {
        while let Some(late) = self.world.late.pop() {
            self.world.apply(&late.call, &late.containment);
            self.tell(format!("{:?} lands", late.call));
        }
        let mut quiet = 0;
        for _ in 0..PASSES {
            let before = (self.world.quarantines.clone(), self.world.containments.clone(), self.shown());
            let running: Vec<String> = self.replica.0.keys().cloned().collect();
            for name in running {
                self.runs(&name)?;
            }
            for slot in NAMES {
                self.run_quarantine(slot)?;
            }
            for name in INSTANCES {
                if self.begin_containment(name) {
                    self.runs(name)?;
                }
            }
            let same = before == (self.world.quarantines.clone(), self.world.containments.clone(), self.shown());
            quiet = if same { quiet + 1 } else { 0 };
            match quiet {
                0 => self.world.passes(1),
                1 => self.world.passes(61),
                2 => self.world.passes(361),
                3 => self.world.passes(61),
                _ => return Ok(()),
            }
        }
        Err(format!("rule 10: it doesn't come to rest: {:?}", self.world.containments))
    }

    fn run_quarantine(&mut self, slot: &str) -> Result<(), String> {
        if self.begin_quarantine(slot) {
            let running: Vec<String> = self.replica.0.keys().cloned().collect();
            for name in running {
                self.runs(&name)?;
            }
        }
        Ok(())
    }

    fn runs(&mut self, name: &str) -> Result<(), String> {
        while self.replica.0.contains_key(name) {
            let told = self.replica.answer(&mut self.world, name, &mut self.chance, false);
            self.told_or_broken(told)?;
        }
        Ok(())
    }

    fn shown(&self) -> Vec<Groups> {
        self.world.interfaces.values().map(|interface| interface.groups.clone()).collect()
    }

    /// Each instance that somebody wants contained, and nobody suspended, carries isolation groups only.
    fn who_stays_is_contained(&self) -> Result<(), String> {
        for (name, containment) in &self.world.containments {
            let wants = self.world.quarantines.values().any(|found| {
                let quarantine = &found.object;
                let listed = containment.holder(&quarantine.uid).is_some();
                listed && !quarantine.deleting && !quarantine.suspended && quarantine.finalized
            });
            let isolating = all_isolating();
            for (id, interface) in &self.world.interfaces {
                let own = interface.exists && interface.attached_to == Some(crate::world::instance_of(name));
                if wants && own && !interface.groups.is_subset(&isolating) {
                    return Err(format!(
                        "{name} is held, and {id} carries {:?}: {containment:?} {:?}",
                        interface.groups, self.world.quarantines
                    ));
                }
            }
        }
        Ok(())
    }

    fn everybody_lets_go(&mut self) {
        for slot in NAMES {
            if let Some(mut found) = self.world.quarantines.get(slot).cloned() {
                let quarantine = &mut found.object;
                (quarantine.deleting, quarantine.suspended) = (true, false);
                quarantine.approved = REASONS.into();
                self.world.put_quarantine(slot, Some(found));
            }
        }
        self.tell("everybody leaves");
    }

    fn everything_is_as_it_was(&self) -> Result<(), String> {
        if let Some((slot, left)) = self.world.quarantines.iter().next() {
            return Err(format!(
                "{slot} was released by everybody, and stays: {left:?}\n{:?}",
                self.world.containments
            ));
        }
        if let Some((name, left)) = self.world.containments.iter().next() {
            return Err(format!("nobody holds, and {name} stays: {left:?}"));
        }
        for (id, interface) in self.world.interfaces.iter().filter(|(_, interface)| interface.exists) {
            if interface.groups.iter().any(|group| all_isolating().contains(group)) {
                return Err(format!("rule 4: nobody holds, and {id} carries {:?}", interface.groups));
            }
            if !interface.foreign_since && interface.groups != interface.own {
                return Err(format!("rule 3: {id} carries {:?}, and had {:?}", interface.groups, interface.own));
            }
            if interface.tags.is_some() {
                return Err(format!("nobody holds, and our tags stay on {id}: {:?}", interface.tags));
            }
        }
        Ok(())
    }
}

const REASONS: [ApprovalReason; 6] = [
    ApprovalReason::Always,
    ApprovalReason::NamespaceDeleting,
    ApprovalReason::CrdDeleting,
    ApprovalReason::RecordsFromTags,
    ApprovalReason::TagsDiffer,
    ApprovalReason::HolderLost,
];

fn entry(slot: &str, found: &Claimed) -> Holder {
    Holder {
        namespace: "ir".to_owned(),
        name: slot.to_owned(),
        uid: found.object.uid.clone(),
        joined_at: jiff::Timestamp::UNIX_EPOCH,
        class_name: found.class.to_owned(),
        approval_always: false,
    }
}
