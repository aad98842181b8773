//! `MODULE --argspec`: the options of a module as Ansible's argument spec with documentation, made from the Rust types.

use schemars::{JsonSchema, SchemaGenerator};

/// The argument spec of `A` as JSON.
#[must_use]
pub fn of<A: JsonSchema>(module: &str) -> serde_json::Value {
    let schema = SchemaGenerator::default().into_root_schema_for::<A>();
    serde_json::json!({"module": module, "schema": schema.to_value()})
}
