//! What the API server makes of a Quarantine and a QuarantineClass before the operator sees them: what it refuses and
//! with which words, what it fills in, what it lets a person change later, and what kubectl shows.
//!
//! | room | what is proved there |
//! |---|---|
//! | `quarantines`, `classes` | bad objects are refused; the refusal names the field and the fix |
//! | `edits` | good objects can't be made into bad ones, nor records be lost |
//! | `accepted` | defaults; what may be written, and changed later |
//! | `server` | unknown fields, nulls, the status subresource, server-side apply, the field selector |
//! | `kubectl` | columns, names, explanations, and no warnings |
//! | `schema` | every field is described and bounded, and every rule has room in the server's cost budget |

/// One test a line: the change of a good object's spec (a JSON merge patch), the field that the refusal names, and the
/// part of its message that names the fix.
macro_rules! refused {
    ($good:ident; $($name:ident: $change:tt => $field:literal, $fix:literal;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let object = crate::api::sample::$good(serde_json::json!($change));
            crate::api::sample::refused_at_creation(object, $field, $fix).await;
        }
    )*};
}

/// One test a line: the good object, the merge patch of its spec that comes later, the field and the fix.
macro_rules! refused_later {
    ($good:ident; $($name:ident: $change:tt, then $edit:tt => $field:literal, $fix:literal;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let object = crate::api::sample::$good(serde_json::json!($change));
            crate::api::sample::refused_as_edit(object, serde_json::json!($edit), $field, $fix).await;
        }
    )*};
}

/// One test a line: the good object, and the merge patch of its spec that passes later.
macro_rules! accepted_later {
    ($good:ident; $($name:ident: $change:tt, then $edit:tt;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let object = crate::api::sample::$good(serde_json::json!($change));
            crate::api::sample::accepted_as_edit(object, serde_json::json!($edit)).await;
        }
    )*};
}

mod accepted;
mod classes;
mod edits;
mod kubectl;
mod quarantines;
mod sample;
mod schema;
mod server;
