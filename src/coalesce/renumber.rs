//! Entries that are pending where rows of their parameter move: they get the numbers that their rows have then.

use super::BAD;
use super::list::{List, WORDS};
use super::teams::spread;
use crate::error::Result;
use crate::gpu::{Dispatch, Pipelines, limits, upload, whole};
use crate::wgsl::{Declaration, Shader, constants, shader};

const EACH: &str = include_str!("../../shaders/coalesce/each.wgsl");
const SUCCESSORS: &str = include_str!("../../shaders/coalesce/successors.wgsl");
const RENUMBER: &str = include_str!("../../shaders/coalesce/renumber.wgsl");
const ROW_MOVED: &str = include_str!("../../shaders/coalesce/row_moved.wgsl");
const ROW_STAYS: &str = include_str!("../../shaders/coalesce/row_stays.wgsl");

crate::words::words! {
    /// What the dispatches work on.
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

/// What a kernel does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Finds the rows that take over the state of those before.
    Find,
    /// Gives entries the numbers of these.
    Move,
    /// Gives entries no row where theirs is not there, before and now; the others keep theirs.
    Stay,
}

fn kernel(invocations: u32, work: Work) -> Shader<Slot> {
    let declared = |slot, name: &str, ty: &str, written| Declaration { slot, name: name.into(), ty: ty.into(), written };
    let task = declared(Slot::Task, "task", "RenumberTask", false);
    let list = || declared(Slot::List, "list", "array<u32>", true);
    let numbers = constants(WORDS.into_iter().chain([("INVOCATIONS", invocations), ("BAD", BAD)]));
    let (bindings, texts) = match work {
        Work::Find => {
            let index = declared(Slot::Index, "index", "array<u32>", false);
            (vec![task, index, declared(Slot::Successors, "successors", "array<atomic<u32>>", true)], [SUCCESSORS, ""])
        }
        Work::Move => (vec![task, declared(Slot::Successors, "successors", "array<u32>", false), list()], [ROW_MOVED, RENUMBER]),
        Work::Stay => (vec![task, list()], [ROW_STAYS, RENUMBER]),
    };
    shader(bindings, &[RenumberTask::WGSL, &numbers, EACH, texts[0], texts[1]], "")
}

/// For the list of a parameter with so many rows before and now, what gives its entries the rows that theirs have become; each dispatch needs the one before. Rows are moved by an index that begins
/// there in its binding, or without one stay where they are.
pub(crate) fn renumber(
    pipelines: &Pipelines,
    list: &List,
    index: Option<(&wgpu::BindingResource<'_>, u32)>,
    [rows_before, rows]: [u32; 2],
) -> Result<Vec<Dispatch>> {
    let (device, limits) = (pipelines.device(), limits(pipelines.device()));
    let task = RenumberTask { rows, rows_before, index_at: index.map_or(0, |(_, at)| at), room: list.room };
    let task = upload(device, "wgpu-optim task", &[task])?;
    let (works, successors): (&[Work], _) = match index {
        Some(_) => (&[Work::Find, Work::Move], Some(whole(device, "successors of rows", 4 * u64::from(rows_before))?)),
        None => (&[Work::Stay], None),
    };
    let resource = |slot| match (slot, index, &successors) {
        (Slot::Index, Some((index, _)), _) => index.clone(),
        (Slot::Successors, _, Some(successors)) => successors.as_entire_binding(),
        (Slot::List, ..) => list.rows.as_entire_binding(),
        _ => task.as_entire_binding(),
    };
    let dispatch = |&work: &Work| {
        let invocations = limits.division.invocations;
        let kernel = pipelines.get("entries of rows that change", kernel(invocations, work))?;
        let items = if work == Work::Find { rows } else { list.room };
        let workgroups = spread(u64::from(items.max(1)), invocations, limits.workgroups);
        Ok(Dispatch::new(&kernel, kernel.bind(device, resource)?, workgroups))
    };
    works.iter().map(dispatch).collect()
}
