//! Composes the kernels that move the cursor and gather columns.

use super::cursor::{Batch, Cursor, Order};
use super::windows::{ELEMENTS, Task};
use crate::wgsl::{Declaration, Shader, constants, shader};

const PERMUTATION: &str = include_str!("../../shaders/batches/permutation.wgsl");
const CURSOR: &str = include_str!("../../shaders/batches/cursor.wgsl");
const ADVANCE: &str = include_str!("../../shaders/batches/advance.wgsl");
const GATHER: &str = include_str!("../../shaders/batches/gather.wgsl");
const WORD: &str = include_str!("../../shaders/batches/word.wgsl");
const BYTE: &str = include_str!("../../shaders/batches/byte.wgsl");

/// What a kernel binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Order,
    Cursor,
    Batch,
    Task,
    Source,
    Table,
    Destination,
}

impl Resource {
    fn declared(self, written: bool) -> Declaration<Resource> {
        let (name, ty) = match self {
            Resource::Order => ("order", "Order"),
            Resource::Cursor => ("cursor", "Cursor"),
            Resource::Batch => ("batch", "Batch"),
            Resource::Task => ("task", "Task"),
            Resource::Source => ("source", "array<u32>"),
            Resource::Table => ("table", "array<u32>"),
            Resource::Destination => ("destination", "array<u32>"),
        };
        Declaration { slot: self, name: name.into(), ty: ty.into(), written }
    }
}

/// Takes the next batch and moves the cursor.
pub(super) fn advance() -> Shader<Resource> {
    kernel(&[ADVANCE], &[(Resource::Order, false), (Resource::Cursor, true), (Resource::Batch, true)])
}

/// Fills a column's destination; bytes go through a table.
pub(super) fn gather(bytes: bool) -> Shader<Resource> {
    let mut slots = vec![
        (Resource::Order, false),
        (Resource::Batch, false),
        (Resource::Task, false),
        (Resource::Source, false),
        (Resource::Destination, true),
    ];
    if bytes {
        slots.push((Resource::Table, false));
    }
    kernel(&[if bytes { BYTE } else { WORD }, GATHER], &slots)
}

/// The kernels' WGSL texts by name, complete, for people and validators to read.
pub fn kernels() -> [(&'static str, String); 3] {
    [("advance", advance().source), ("gather words", gather(false).source), ("gather bytes", gather(true).source)]
}

fn kernel(parts: &[&str], slots: &[(Resource, bool)]) -> Shader<Resource> {
    let elements = constants([("ELEMENTS", ELEMENTS as u32)]);
    let common = [&*elements, Order::WGSL, Cursor::WGSL, Batch::WGSL, Task::WGSL, PERMUTATION, CURSOR];
    shader(slots.iter().map(|(slot, written)| slot.declared(*written)).collect(), &[&common, parts].concat(), "")
}
