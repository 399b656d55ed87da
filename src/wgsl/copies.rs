//! `Copy`: the kernel that writes copies of values in bf16; and how others write them on their way.

use super::arrays::{Entry, Uses};
use super::dispatches::{Asked, Dispatches, Over};
use super::stage::{INVOCATION, ROW};
use super::{Resource, Shader, array, rows, shader, structs};
use crate::program::{Kernel, Purpose};
use crate::step::StepKind;
use crate::storage::BF16;

/// `store_copy`, which whoever stores values calls.
pub(super) const COPY: &str = include_str!("../../shaders/step/copy.wgsl");
const COPIED: &str = include_str!("../../shaders/step/copied.wgsl");
const COPIED_ROW: &str = include_str!("../../shaders/step/copied_row.wgsl");
const COPIED_TILE: &str = include_str!("../../shaders/step/copied_tile.wgsl");

/// The rows of parameters that have a copy; where the gradient of one is row-sparse, all rows of its table.
pub(super) fn dispatches(purpose: Purpose) -> Dispatches {
    let kernel = move |Asked { kernel, step_kind, .. }: &Asked<'_>| {
        let is_own = kernel.kind.copied && kernel.kind.listed == (purpose == Purpose::Table);
        is_own.then(|| ("bf16 copy".to_owned(), copied(kernel, step_kind)))
    };
    Dispatches::new(Over::Rows(purpose), kernel)
}

/// The kernel that writes the copies of rows as the values are.
pub fn copied(kernel: &Kernel, step_kind: &StepKind) -> Shader {
    let uses = Uses { loads_values: true, stores_copies: true, updates: true, ..Uses::default() };
    let mut bindings = vec![array(Resource::Rows, "rows", "vec4u", false), array(Resource::Record, "record", "vec4u", false)];
    bindings.extend(uses.bindings(kernel));
    let averages = step_kind.averages.len();
    let text = COPY.to_owned() + if kernel.kind.tiled { COPIED_TILE } else { COPIED_ROW };
    let entry = Entry { name: "copy", parameters: &[ROW, ("steps", "u32"), INVOCATION], result: None };
    let parts =
        [structs::row(), structs::entry(averages), structs::step_entry(averages), BF16.to_owned(), uses.body(kernel, &text, &[entry])];
    shader(bindings, &[&parts.concat(), &rows(kernel), COPIED], "")
}
