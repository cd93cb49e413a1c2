//! What the API server has to be: new enough, serving this version's custom resources, with a clock like ours. Pure.

use super::answer::Answer;
use crate::api::GROUP;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps},
    apimachinery::pkg::version::Info,
};
use serde_json::Value;

/// Fields of objects can be selected from then on, as the CRDs ask for (`selectableFields`).
const OLDEST: (u32, u32) = (1, 32);

/// How far two clocks may be apart. An attempt whose answer nobody heard counts as under way for ten seconds, by whichever
/// replica's clock.
const TOLERATED: SignedDuration = SignedDuration::from_secs(5);

/// Dates in HTTP are in whole seconds, the rest cut off.
const DATE_STEP: SignedDuration = SignedDuration::from_secs(1);

pub const UPGRADE: &str = "quarantine-operator crds | kubectl apply --server-side -f -";

/// Whether the API server is new enough.
pub fn version(info: &Info) -> Answer {
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>().ok();
    let version = &info.git_version;
    match number(&info.major).zip(number(&info.minor)) {
        Some(numbers) if numbers >= OLDEST => Answer::ok("API server", format!("It answers, Kubernetes {version}.")),
        Some(_) => Answer::missing(
            "API server",
            format!(
                "Kubernetes {version} is too old: {}.{} or newer is needed. Upgrade the cluster.",
                OLDEST.0, OLDEST.1
            ),
        ),
        None => Answer::no_answer("API server", format!("It doesn't tell its version in numbers: {version}.")),
    }
}

/// Whether our clock goes as the API server's: `date` is what it wrote on an answer that was asked for at `asked` and was
/// here at `answered`.
pub fn clock(date: Timestamp, asked: Timestamp, answered: Timestamp) -> Answer {
    let ahead = asked.duration_since(date).checked_sub(DATE_STEP).unwrap_or_default();
    let behind = date.duration_since(answered);
    let (apart, how) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    if apart <= TOLERATED {
        return Answer::ok("clock", format!("Within {} s of the API server's.", TOLERATED.as_secs()));
    }
    Answer::missing(
        "clock",
        format!(
            "The clock here is {} s {how} the API server's. Let time be synchronized on this node and on the API server's: AWS refuses what is signed more than five minutes off, and the operator relies on times that other replicas wrote.",
            apart.as_secs()
        ),
    )
}

/// Whether a kind is served as this build would define it. `published`: what the API server says in OpenAPI v3 of the
/// group's version, where it serves any of its kinds. It holds the CRD's schema as it is, and everybody may read it, while
/// few may read CRDs.
pub fn kind(wanted: &CustomResourceDefinition, published: Option<&Value>) -> Answer {
    let names = &wanted.spec.names;
    let what = format!("CustomResourceDefinition {}.{GROUP}", names.plural);
    let Some(served) = published.and_then(|document| schema_of(document, &names.kind)) else {
        return Answer::missing(what, format!("It isn't there. Apply it: {UPGRADE}"));
    };
    match difference_from(wanted, served) {
        None => Answer::ok(what, "As this version defines it."),
        Some(place) => Answer::missing(
            what,
            format!(
                "It is of another version of quarantine-operator than this one ({}): they differ in {place}. Apply this one's: {UPGRADE}",
                env!("CARGO_PKG_VERSION")
            ),
        ),
    }
}

/// The fields of a kind that this build knows and the API server drops from whatever is written, because its CRD is older:
/// `suspend` and `maxActive` would be as if nobody had set them. A kind that isn't served drops nothing.
pub fn dropped(wanted: &CustomResourceDefinition, published: Option<&Value>) -> Vec<String> {
    let kind = &wanted.spec.names.kind;
    let mut dropped = Vec::new();
    if let Some(served) = published.and_then(|document| schema_of(document, kind)) {
        for (part, wanted, served) in parts(wanted, served) {
            match (wanted, served) {
                (Some(wanted), Some(served)) => missing(&format!("{kind}.{part}"), &wanted, &served, &mut dropped),
                (Some(_), None) => dropped.push(format!("{kind}.{part}")),
                (None, _) => {}
            }
        }
    }
    dropped
}

fn missing(place: &str, wanted: &Value, served: &Value, found: &mut Vec<String>) {
    if served["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    for (name, wanted) in wanted["properties"].as_object().into_iter().flatten() {
        match served["properties"].get(name) {
            Some(served) => missing(&format!("{place}.{name}"), wanted, served, found),
            None => found.push(format!("{place}.{name}")),
        }
    }
    for below in ["items", "additionalProperties"] {
        if wanted[below].is_object() {
            missing(place, &wanted[below], &served[below], found);
        }
    }
}

fn schema_of<'a>(document: &'a Value, kind: &str) -> Option<&'a Value> {
    let schemas = document["components"]["schemas"].as_object()?;
    schemas.values().find(|schema| {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        kinds.into_iter().flatten().any(|one| one["group"] == GROUP && one["kind"] == kind)
    })
}

/// The first place in spec or status where they differ.
fn difference_from(wanted: &CustomResourceDefinition, served: &Value) -> Option<String> {
    parts(wanted, served).into_iter().find_map(|(part, wanted, served)| match (wanted, served) {
        (Some(wanted), Some(served)) => difference(part, &wanted, &served),
        (None, None) => None,
        _ => Some(part.to_owned()),
    })
}

/// The schemas of spec and status, as wanted and as served, by way of their type: then the same number is the same text.
fn parts(wanted: &CustomResourceDefinition, served: &Value) -> [(&'static str, Option<Value>, Option<Value>); 2] {
    let schema = wanted.spec.versions.iter().find_map(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
    let properties = schema.and_then(|schema| schema.properties.as_ref());
    ["spec", "status"].map(|part| {
        let wanted = properties.and_then(|properties| properties.get(part));
        let served = served["properties"].get(part);
        let served = served.and_then(|served| serde_json::from_value::<JSONSchemaProps>(served.clone()).ok());
        let text = |schema: &JSONSchemaProps| serde_json::to_value(schema).ok();
        (part, wanted.and_then(text), served.as_ref().and_then(text))
    })
}

fn difference(place: &str, wanted: &Value, served: &Value) -> Option<String> {
    match (wanted, served) {
        (Value::Object(wanted), Value::Object(served)) => {
            let mut keys: Vec<&String> = wanted.keys().chain(served.keys()).collect();
            keys.sort();
            keys.dedup();
            keys.into_iter().find_map(|key| {
                // Those are the schema's own words, not a field of the object.
                let below =
                    if key == "properties" || key == "items" { place.to_owned() } else { format!("{place}.{key}") };
                match (wanted.get(key), served.get(key)) {
                    (Some(wanted), Some(served)) => difference(&below, wanted, served),
                    _ => Some(below),
                }
            })
        }
        _ => (wanted != served).then(|| place.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::crds, check::needs::answer::State};
    use serde_json::json;

    fn told(major: &str, minor: &str) -> State {
        let info = json!({"major": major, "minor": minor, "gitVersion": format!("v{major}.{minor}"), "buildDate": "",
            "compiler": "", "gitCommit": "", "gitTreeState": "", "goVersion": "", "platform": ""});
        version(&serde_json::from_value(info).expect("a version")).state
    }

    #[test]
    fn an_api_server_is_new_enough_from_1_32_on_also_where_a_vendor_adds_to_the_number() {
        assert_eq!(told("1", "32"), State::Ok);
        assert_eq!(told("1", "33+"), State::Ok);
        assert_eq!(told("2", "0"), State::Ok);
        assert_eq!(told("1", "31+"), State::Missing);
        assert_eq!(told("", ""), State::NoAnswer);
    }

    #[test]
    fn a_clock_may_be_five_seconds_off_beside_what_the_answer_took_and_the_date_doesnt_tell() {
        let at = |second: i64| Timestamp::from_second(1_700_000_000 + second).expect("a time");
        let judged = |date, asked, answered| clock(at(date), at(asked), at(answered));
        assert_eq!(judged(0, 0, 0).state, State::Ok);
        assert_eq!(judged(0, 6, 7).state, State::Ok, "the date may be a second old");
        assert_eq!(judged(0, -60, 60).state, State::Ok, "the answer took that long");
        assert!(judged(0, 7, 8).message.contains("is 6 s ahead of"));
        assert!(judged(0, -20, -10).message.contains("is 10 s behind the"));
    }

    fn published(change: impl FnOnce(&mut Value)) -> Value {
        let wanted = crds().remove(0);
        let schema = wanted.spec.versions[0].schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
        let mut served = serde_json::to_value(schema.expect("a schema")).expect("JSON");
        change(&mut served);
        served["x-kubernetes-group-version-kind"] =
            json!([{"group": GROUP, "version": "v1alpha1", "kind": "Quarantine"}]);
        json!({"components": {"schemas": {"any.name": served}}})
    }

    #[test]
    fn a_kind_is_as_this_version_defines_it_or_the_place_is_named() {
        let wanted = crds().remove(0);
        assert_eq!(kind(&wanted, Some(&published(|_| {}))).state, State::Ok);
        let older = published(|schema| {
            schema["properties"]["spec"]["properties"]["reason"]["maxLength"] = 5.into();
        });
        let said = kind(&wanted, Some(&older));
        assert_eq!(said.state, State::Missing);
        assert!(said.message.contains("differ in spec.reason.maxLength") && said.message.contains(UPGRADE), "{said:?}");
        let newer = published(|schema| {
            schema["properties"]["status"]["properties"]["brandNew"] = json!({"type": "string"});
        });
        assert!(kind(&wanted, Some(&newer)).message.contains("differ in status.brandNew"));
    }

    #[test]
    fn a_field_that_an_older_crd_lacks_is_dropped_and_one_that_a_newer_crd_has_is_none_of_ours() {
        let wanted = crds().remove(0);
        assert_eq!(dropped(&wanted, Some(&published(|_| {}))), Vec::<String>::new());
        assert_eq!(dropped(&wanted, None), Vec::<String>::new(), "what isn't served drops nothing");
        let newer = published(|schema| {
            schema["properties"]["spec"]["properties"]["brandNew"] = json!({"type": "string"});
            schema["properties"]["spec"]["properties"]["reason"]["maxLength"] = 5.into();
        });
        assert_eq!(dropped(&wanted, Some(&newer)), Vec::<String>::new());
        let take = |place: &mut Value, name: &str| {
            place["properties"].as_object_mut().expect("fields").remove(name).expect("it was there");
        };
        let older = published(|schema| {
            let parts = &mut schema["properties"];
            take(&mut parts["spec"], "suspend");
            take(&mut parts["status"]["properties"]["interfaces"]["items"], "state");
            take(&mut parts["spec"]["properties"]["target"]["properties"]["instance"], "region");
        });
        let said = dropped(&wanted, Some(&older));
        let expected = ["spec.suspend", "spec.target.instance.region", "status.interfaces.state"];
        assert_eq!(said, expected.map(|field| format!("Quarantine.{field}")));
    }

    #[test]
    fn a_kind_that_is_not_served_is_missing_also_where_others_of_its_group_are() {
        let wanted = crds().remove(1);
        assert!(kind(&wanted, None).message.contains("It isn't there"));
        assert!(kind(&wanted, Some(&published(|_| {}))).message.contains("It isn't there"));
    }
}
