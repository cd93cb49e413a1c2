//! `kubectl quarantine list` and `status`: looks, and prints.

use super::{
    cli::{Format, List, Status, TableFormat},
    cluster::{self, Cluster, Object, Scope},
    failure::Failure,
    find,
    say::{out, outln},
    show::{self, Columns, Paint},
};
use jiff::Timestamp;
use kube::api::{DynamicObject, TypeMeta};
use quarantine_operator::api::Quarantine;
use serde_json::json;

pub async fn list(cluster: &Cluster, wanted: &List) -> Result<(), Failure> {
    let scope = scope(wanted.all_namespaces);
    let mut listed = cluster.list(scope).await?;
    for raw in &mut listed {
        raw.metadata.managed_fields = None;
        // The API server says the kind once, for the list.
        raw.types = Some(TypeMeta::resource::<Quarantine>());
    }
    match wanted.output {
        Some(TableFormat::Json) => print_list(&listed, false),
        Some(TableFormat::Yaml) => print_list(&listed, true),
        Some(TableFormat::Name) => {
            listed.iter().for_each(|raw| outln!("{}", typed_name(raw)));
            Ok(())
        }
        wide_or_none => {
            let columns = Columns { namespace: scope == Scope::All, wide: wide_or_none.is_some() };
            print_table(cluster, &listed, columns);
            Ok(())
        }
    }
}

fn print_list(listed: &[DynamicObject], yaml: bool) -> Result<(), Failure> {
    outln!("{}", cluster::serialize(&json!({"apiVersion": "v1", "kind": "List", "items": listed}), yaml)?);
    Ok(())
}

/// One object that can't be read hides none of the others.
fn print_table(cluster: &Cluster, listed: &[DynamicObject], columns: Columns) {
    let (mut claims, mut unread) = (Vec::new(), Vec::new());
    for raw in listed {
        match Object::of(raw.clone()) {
            Ok(object) => claims.push(object.claim),
            Err(why) => unread.push(why),
        }
    }
    if listed.is_empty() {
        let namespace = &cluster.namespace;
        let place = if columns.namespace { "any namespace".to_owned() } else { format!("namespace {namespace}") };
        eprintln!("No Quarantines in {place}.");
    }
    if !claims.is_empty() {
        out!("{}", show::table(&claims, columns, Timestamp::now(), Paint::for_stdout()));
    }
    unread.iter().for_each(|why| eprintln!("warning: {why}"));
}

pub async fn status(cluster: &Cluster, wanted: &Status) -> Result<(), Failure> {
    let found = find::all(cluster, &wanted.name, scope(wanted.all_namespaces)).await?;
    match (wanted.output, &found[..]) {
        (Some(format), [one]) => print(one, format),
        (Some(Format::Name), several) => several.iter().try_for_each(|object| print(object, Format::Name)),
        (Some(format), several) => {
            let raw: Vec<DynamicObject> = several.iter().map(|object| object.raw.clone()).collect();
            print_list(&raw, format == Format::Yaml)
        }
        (None, found) => {
            for object in found {
                out!("{}", show::tree(&object.claim, Timestamp::now(), Paint::for_stdout()));
                if let Some(command) = show::next_command(&object.claim) {
                    outln!("next: {}", cluster.next(command, &object.claim));
                }
            }
            Ok(())
        }
    }
}

pub fn print(object: &Object, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => outln!("{}", cluster::serialize(&object.raw, false)?),
        Format::Yaml => outln!("{}", cluster::serialize(&object.raw, true)?),
        Format::Name => outln!("{}", typed_name(&object.raw)),
    }
    Ok(())
}

/// As it is now, with whatever this plugin doesn't understand.
pub async fn print_again(cluster: &Cluster, claim: &Quarantine, format: Format) -> Result<(), Failure> {
    print(&find::again(cluster, claim).await?, format)
}

fn scope(all: bool) -> Scope {
    if all { Scope::All } else { Scope::Namespace }
}

/// As kubectl writes it, so that kubectl takes it.
fn typed_name(raw: &DynamicObject) -> String {
    format!("quarantine.quarantine-operator.dev/{}", raw.metadata.name.as_deref().unwrap_or_default())
}
