//! The custom resources of the group `quarantine-operator.dev`: types, their validation rules and the names that go with
//! them. Nothing here acts, and nothing here knows a client: the types are what the API server stores.
//!
//! The field docs are the descriptions of the CRDs, written for `kubectl explain`. The CRDs in `crds/` are generated
//! from these types by `cargo xtask crds`.

mod accessors;
mod class;
mod condition;
mod counters;
mod finding_source;
mod formats;
mod quarantine;
mod selector;
mod status;

pub use class::{
    AssumeRole, ClassSecurityGroup, IngressRule, ManagedGroup, ManagedSecurityGroup, Protected, Protocol,
    QuarantineClass, QuarantineClassSpec, QuarantineClassStatus, ReleaseApproval, SecurityHub, TagSelector,
    WorkflowStatus,
};
pub use condition::{Condition, ConditionStatus, ConditionType, Reason};
pub use counters::{Cause, Counters, UnwantedBy};
pub use finding_source::{
    Accept, CustomAction, DEFAULT_SOURCE_MAX_ACTIVE, DeletionPolicy, FindingFilter, FindingSource, FindingSourceSpec,
    FindingSourceStatus, QuarantineTemplate, RecordState, Severity,
};
pub use quarantine::{
    FindingReference, FindingTarget, InstanceTarget, MissingGroups, Mode, Quarantine, QuarantineSpec, Release,
    ReleasePolicy, Target,
};
pub use status::{
    AdmittedGroup, FindingStatus, GroupStatus, HeldBy, InterfaceState, InterfaceStatus, MOST_INTERFACES, MOST_RULES,
    QuarantineStatus, RecordSource, ResolvedTarget, Time,
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;

/// The API group of every resource here, and the prefix of every name that the operator leaves anywhere.
pub const GROUP: &str = "quarantine-operator.dev";

/// Keeps a Quarantine that holds records until each recorded interface is accounted for.
pub const FINALIZER: &str = "quarantine-operator.dev/restore";

/// Keeps a FindingSource whose custom action goes with it until that is deleted.
pub const SOURCE_FINALIZER: &str = "quarantine-operator.dev/custom-action";

/// On a QuarantineClass: `"true"` makes it the class of Quarantines that name none.
pub const DEFAULT_CLASS_ANNOTATION: &str = "quarantine-operator.dev/is-default-class";

/// On a Quarantine whose release is held: `approved` lets it go on.
pub const RELEASE_ANNOTATION: &str = "quarantine-operator.dev/release";

/// On a Quarantine whose interfaces carry another cluster's tags: `"true"` takes them over.
pub const ADOPT_ANNOTATION: &str = "quarantine-operator.dev/adopt";

/// On a Quarantine that a FindingSource made and that acts though no person chose the instance: `"true"`. It is taken off
/// when a person asks for the instance, or when it is held for one.
pub const AUTOMATIC_ANNOTATION: &str = "quarantine-operator.dev/automatic";

/// On a Quarantine that a FindingSource made: the source's name.
pub const SOURCE_LABEL: &str = "quarantine-operator.dev/source";

/// Flux's annotation for "look now"; its value is echoed in `status.lastHandledReconcileAt`.
pub const RECONCILE_ANNOTATION: &str = "reconcile.fluxcd.io/requestedAt";

/// The CustomResourceDefinitions as they stand in `crds/`, in the order in which they are applied.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![finished(Quarantine::crd()), finished(QuarantineClass::crd()), finished(FindingSource::crd())]
}

/// What the derive can't say.
fn finished(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let schemas =
        crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut());
    for schema in schemas {
        finish(schema);
        // kstatus reads an object without any status as done; with this, a fresh object reads as in progress. A class is
        // in force at once: nobody writes which generation of it was seen.
        let status = schema.properties.as_mut().and_then(|properties| properties.get_mut("status"));
        let says_what_was_seen =
            |status: &JSONSchemaProps| status.properties.iter().flatten().any(|(name, _)| name == "observedGeneration");
        if let Some(status) = status.filter(|status| says_what_was_seen(status)) {
            status.default = Some(JSON(serde_json::json!({ "observedGeneration": -1 })));
        }
    }
    crd
}

/// An optional field is left out, never null (the API server drops a null), so that `has()` in a rule means what it says. A description's lines are
/// wrapped by whoever shows it, and a list's entries need none beside their list's: kubectl explain prints both.
fn finish(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(description) = &mut schema.description {
        let paragraphs = description.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        *description = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
    schema.properties.iter_mut().flat_map(|properties| properties.values_mut()).for_each(finish);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        finish(items);
        items.description = None;
    }
}
