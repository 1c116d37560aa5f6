//! `heal`: heals every partition.

use super::{
    act::Act,
    kind::{Entry, FaultKind, When, Word},
};
use crate::parse::toml_writer::Writer;
use serde::Serialize;

/// Heals every partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Heal;

pub(super) static ENTRY: Entry = Entry {
    words: &[Word { word: "heal", when: When::Moment, fields: &[] }],
    parse: |_, _| Ok(Heal.into()),
    drawn: None,
};

impl FaultKind for Heal {
    fn word(&self) -> &'static str {
        "heal"
    }

    fn write(&self, _file: &mut Writer) {}

    fn line(&self, when: &str) -> String {
        format!("heal every partition {when}")
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::Heal]
    }
}
