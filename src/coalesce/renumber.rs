//! Entries that are pending where rows of their parameter move: they get the numbers that their rows have then.

use super::list::{List, WORDS};
use super::teams::spread;
use crate::error::Result;
use crate::gpu::{Dispatch, Pipelines, limits, upload, whole};
use crate::wgsl::{Declaration, Shader, constants, shader};

const SUCCESSORS: &str = include_str!("../../shaders/coalesce/successors.wgsl");
const RENUMBER: &str = include_str!("../../shaders/coalesce/renumber.wgsl");

/// The row of an entry that is for none, as in `shaders/coalesce/entries.wgsl`.
const BAD: u32 = u32::MAX;

crate::words::words! {
    /// What both dispatches work on.
    pub struct RenumberTask {
        /// Rows that there are now.
        rows: u32,
        /// Rows that there were.
        rows_before: u32,
        /// Where the index of rows begins in its binding.
        index_at: u32,
        /// Entries of the list that there is room for.
        room: u32,
    }
}

/// What the kernels bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Task,
    Index,
    Successors,
    List,
}

/// One of both, of so many invocations.
fn kernel(invocations: u32, finds: bool) -> Shader<Slot> {
    let declared = |slot, name: &str, ty: &str, written| Declaration { slot, name: name.into(), ty: ty.into(), written };
    let task = declared(Slot::Task, "task", "RenumberTask", false);
    let numbers = constants(WORDS.into_iter().chain([("INVOCATIONS", invocations), ("BAD", BAD)]));
    let (bindings, text) = match finds {
        true => {
            let index = declared(Slot::Index, "index", "array<u32>", false);
            (vec![task, index, declared(Slot::Successors, "successors", "array<atomic<u32>>", true)], SUCCESSORS)
        }
        false => {
            let successors = declared(Slot::Successors, "successors", "array<u32>", false);
            (vec![task, successors, declared(Slot::List, "list", "array<u32>", true)], RENUMBER)
        }
    };
    shader(bindings, &[RenumberTask::WGSL, &numbers, text], "")
}

/// Both dispatches, of which the second needs the first: for a list, by an index that begins there in its binding, of a parameter with so many rows before and now.
pub(crate) fn renumber(
    pipelines: &Pipelines,
    list: &List,
    (index, index_at): (&wgpu::BindingResource<'_>, u32),
    [rows_before, rows]: [u32; 2],
) -> Result<[Dispatch; 2]> {
    let (device, limits) = (pipelines.device(), limits(pipelines.device()));
    let successors = whole(device, "successors of rows", 4 * u64::from(rows_before))?;
    let task = RenumberTask { rows, rows_before, index_at, room: list.room };
    let task = upload(device, "wgpu-optim task", &[task])?;
    let resource = |slot| match slot {
        Slot::Task => task.as_entire_binding(),
        Slot::Index => index.clone(),
        Slot::Successors => successors.as_entire_binding(),
        Slot::List => list.rows.as_entire_binding(),
    };
    let invocations = limits.division.invocations;
    let dispatch = |label, finds, items: u32| {
        let kernel = pipelines.get(label, kernel(invocations, finds))?;
        let bound = kernel.bind(device, resource)?;
        Ok(Dispatch::new(&kernel, bound, spread(u64::from(items.max(1)), invocations, limits.workgroups)))
    };
    Ok([dispatch("successors of rows", true, rows)?, dispatch("renumber entries", false, list.room)?])
}
