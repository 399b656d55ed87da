//! Composes the kernels that move the cursor and gather columns.

use super::cursor::{Batch, Cursor, Order};
use super::windows::{ELEMENTS, Task};

const PERMUTATION: &str = include_str!("../../shaders/batches/permutation.wgsl");
const CURSOR: &str = include_str!("../../shaders/batches/cursor.wgsl");
const ADVANCE: &str = include_str!("../../shaders/batches/advance.wgsl");
const GATHER: &str = include_str!("../../shaders/batches/gather.wgsl");
const WORD: &str = include_str!("../../shaders/batches/word.wgsl");
const BYTE: &str = include_str!("../../shaders/batches/byte.wgsl");

/// What a kernel binds. Its number is its place in [`Shader::slots`].
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
    fn declaration(self) -> &'static str {
        match self {
            Resource::Order => "order: Order",
            Resource::Cursor => "cursor: Cursor",
            Resource::Batch => "batch: Batch",
            Resource::Task => "task: Task",
            Resource::Source => "source: array<u32>",
            Resource::Table => "table: array<u32>",
            Resource::Destination => "destination: array<u32>",
        }
    }
}

/// A complete kernel with entry point `main`, and what it binds in group 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shader {
    pub(super) source: String,
    /// What each binding is, in order, and whether it is written.
    pub(super) slots: Vec<(Resource, bool)>,
}

/// Takes the next batch and moves the cursor.
pub(super) fn advance() -> Shader {
    shader(&[ADVANCE], &[(Resource::Order, false), (Resource::Cursor, true), (Resource::Batch, true)])
}

/// Fills a column's destination; bytes go through a table.
pub(super) fn gather(bytes: bool) -> Shader {
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
    shader(&[if bytes { BYTE } else { WORD }, GATHER], &slots)
}

/// The kernels' WGSL texts by name, complete, for people and validators to read.
pub fn kernels() -> [(&'static str, String); 3] {
    [("advance", advance().source), ("gather words", gather(false).source), ("gather bytes", gather(true).source)]
}

fn shader(parts: &[&str], slots: &[(Resource, bool)]) -> Shader {
    let mut source = format!("const ELEMENTS: u32 = {ELEMENTS}u;\n");
    for (index, (slot, written)) in slots.iter().enumerate() {
        let access = if *written { "read_write" } else { "read" };
        source += &format!("@group(0) @binding({index}) var<storage, {access}> {};\n", slot.declaration());
    }
    for part in [Order::WGSL, Cursor::WGSL, Batch::WGSL, Task::WGSL, PERMUTATION, CURSOR].iter().chain(parts) {
        source.push_str(part);
        source.push('\n');
    }
    Shader { source, slots: slots.to_vec() }
}
