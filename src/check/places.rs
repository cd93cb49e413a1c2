//! Where to look: the operator's own account and region, where Quarantines hold something or ask to, and where classes
//! let them. Pure.

use crate::{
    api::{Quarantine, QuarantineClass, ResolvedTarget},
    model::place::Place,
    quarantine::{decide::admission::through_role, place},
};
use kube::ResourceExt;
use std::collections::BTreeSet;

/// Who and where the operator itself is.
#[derive(Clone, Debug)]
pub struct Home {
    pub account_id: String,
    pub partition: String,
    pub region: Option<String>,
}

/// One region of an account, the ways in, and which interfaces are recorded there.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    pub account_id: String,
    pub region: String,
    /// The first that is open is taken.
    pub ways: Vec<Place>,
    pub recorded: Vec<String>,
}

/// Every place to look in. `more` are regions beside those that are named anywhere.
///
/// A class that names no regions lets its Quarantines be in any: for it, every region counts that is named anywhere.
pub fn of(home: &Home, classes: &[QuarantineClass], claims: &[Quarantine], more: &[String]) -> Vec<Look> {
    let mut looks = Looks(Vec::new());
    for claim in claims {
        looks.add_claim(home, classes, claim);
    }
    let named: BTreeSet<String> = regions(classes, claims).chain(home.region.clone()).chain(more.to_vec()).collect();
    for class in classes {
        let own = [home.account_id.clone()];
        let accounts = if class.spec.accounts.is_empty() { &own[..] } else { &class.spec.accounts };
        let declared: BTreeSet<String> = class.spec.regions.iter().cloned().collect();
        for account_id in accounts {
            for region in if declared.is_empty() { &named } else { &declared } {
                looks.add(through_role(class, &home.partition, String::new(), region.clone(), account_id.clone()));
            }
        }
    }
    for region in home.region.iter().chain(more) {
        looks.add(own_credentials(home, region));
    }
    looks.0
}

struct Looks(Vec<Look>);

impl Looks {
    fn add_claim(&mut self, home: &Home, classes: &[QuarantineClass], claim: &Quarantine) {
        let resolved = claim.resolved().cloned();
        let declared = claim.spec.target.instance.as_ref().map(|instance| ResolvedTarget {
            instance_id: instance.id.clone(),
            account_id: instance.account_id.clone().unwrap_or_else(|| home.account_id.clone()),
            region: instance.region.clone(),
            ..ResolvedTarget::default()
        });
        let Some(target) = resolved.clone().or(declared) else { return };
        let class = claim.class_name();
        // The class's role as it is now, else the one that was recorded: the order of a release.
        if let Some(class) = classes.iter().find(|known| Some(&known.name_any()) == class) {
            let ResolvedTarget { instance_id, account_id, region, .. } = target.clone();
            self.add(through_role(class, &home.partition, instance_id, region, account_id));
        }
        if resolved.is_some() || target.account_id == home.account_id {
            self.add(target.clone());
        }
        let records = claim.records().iter().filter(|record| !record.state.is_final());
        let recorded: Vec<String> = records.map(|record| record.id.clone()).collect();
        if let Some(look) = self.at(&target) {
            look.recorded.extend(recorded);
        }
    }

    fn add(&mut self, target: ResolvedTarget) {
        let way = place(&target);
        match self.at(&target) {
            Some(look) if look.ways.contains(&way) => {}
            Some(look) => look.ways.push(way),
            None => {
                let ResolvedTarget { account_id, region, .. } = target;
                self.0.push(Look { account_id, region, ways: vec![way], recorded: Vec::new() });
            }
        }
    }

    fn at(&mut self, target: &ResolvedTarget) -> Option<&mut Look> {
        self.0.iter_mut().find(|look| look.account_id == target.account_id && look.region == target.region)
    }
}

fn own_credentials(home: &Home, region: &str) -> ResolvedTarget {
    ResolvedTarget { account_id: home.account_id.clone(), region: region.to_owned(), ..ResolvedTarget::default() }
}

/// The regions that are named anywhere.
fn regions<'a>(classes: &'a [QuarantineClass], claims: &'a [Quarantine]) -> impl Iterator<Item = String> + 'a {
    let of_claims = claims.iter().filter_map(|claim| {
        let resolved = claim.resolved().map(|target| &target.region);
        resolved.or_else(|| claim.spec.target.instance.as_ref().map(|instance| &instance.region)).cloned()
    });
    classes.iter().flat_map(|class| class.spec.regions.clone()).chain(of_claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn home() -> Home {
        Home { account_id: "111111111111".to_owned(), partition: "aws".to_owned(), region: Some("eu-1".to_owned()) }
    }

    fn class(name: &str, mut spec: Value) -> QuarantineClass {
        spec["securityGroup"] = json!({"id": "sg-0"});
        serde_json::from_value(json!({"apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "QuarantineClass",
            "metadata": {"name": name}, "spec": spec}))
        .expect("a class")
    }

    fn claim(class: &str, region: &str, account: &str, status: Value) -> Quarantine {
        let instance = json!({"id": "i-1", "region": region, "accountId": account});
        serde_json::from_value(json!({"apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
            "metadata": {"name": "a"}, "spec": {"className": class, "target": {"instance": instance}},
            "status": status}))
        .expect("a Quarantine")
    }

    /// Account, region and roles of each look.
    fn told(looks: &[Look]) -> Vec<(String, String, Vec<Option<String>>)> {
        let roles = |look: &Look| look.ways.iter().map(|way| way.role.as_ref().map(|role| role.arn.clone())).collect();
        looks.iter().map(|look| (look.account_id.clone(), look.region.clone(), roles(look))).collect()
    }

    fn at(account: &str, region: &str, roles: &[Option<&str>]) -> (String, String, Vec<Option<String>>) {
        (account.to_owned(), region.to_owned(), roles.iter().map(|role| role.map(str::to_owned)).collect())
    }

    #[test]
    fn with_no_objects_at_all_the_own_account_and_region_and_those_asked_for_are_looked_in() {
        let looks = of(&home(), &[], &[], &["eu-2".to_owned()]);
        assert_eq!(told(&looks), [at("111111111111", "eu-1", &[None]), at("111111111111", "eu-2", &[None])]);
    }

    #[test]
    fn each_account_of_a_class_is_looked_in_in_each_of_its_regions() {
        let spec = json!({"accounts": ["222222222222"], "regions": ["us-1", "us-2"], "assumeRole": {"roleName": "q"}});
        let looks = of(&home(), &[class("a", spec)], &[], &[]);
        let role = Some("arn:aws:iam::222222222222:role/q");
        let wanted = [
            at("222222222222", "us-1", &[role]),
            at("222222222222", "us-2", &[role]),
            at("111111111111", "eu-1", &[None]),
        ];
        assert_eq!(told(&looks), wanted);
    }

    #[test]
    fn a_class_without_regions_is_looked_in_in_every_region_that_is_named_anywhere() {
        let looks = of(
            &home(),
            &[class("a", json!({})), class("b", json!({"regions": ["us-1"]}))],
            &[claim("a", "us-2", "111111111111", json!({"observedGeneration": -1}))],
            &["us-3".to_owned()],
        );
        let regions: BTreeSet<&str> = looks.iter().map(|look| look.region.as_str()).collect();
        assert_eq!(regions.into_iter().collect::<Vec<_>>(), ["eu-1", "us-1", "us-2", "us-3"]);
    }

    #[test]
    fn what_is_held_is_reached_by_the_classs_present_role_else_the_recorded_one() {
        let status = json!({"className": "a", "target": {"instanceId": "i-1", "accountId": "222222222222",
            "region": "us-1", "roleArn": "arn:aws:iam::222222222222:role/old"},
            "interfaces": [{"id": "eni-1", "vpcId": "vpc-1", "isolationGroups": ["sg-0"], "state": "Isolated",
                "recordedAt": "2026-01-01T00:00:00Z"},
                {"id": "eni-2", "vpcId": "vpc-1", "isolationGroups": ["sg-0"], "state": "Restored",
                "recordedAt": "2026-01-01T00:00:00Z"}]});
        let claims = [claim("a", "us-1", "222222222222", status)];
        let classes = [class(
            "a",
            json!({"accounts": ["222222222222"], "regions": ["us-1"],
            "assumeRole": {"roleName": "new"}}),
        )];
        let looks = of(&home(), &classes, &claims, &[]);
        let roles = [Some("arn:aws:iam::222222222222:role/new"), Some("arn:aws:iam::222222222222:role/old")];
        assert_eq!(told(&looks)[0], at("222222222222", "us-1", &roles));
        assert_eq!(looks[0].recorded, ["eni-1"], "what is accounted for is not looked up");
    }
}
