//! `Append`: what is recorded to append the entries of one micro-batch to a list of those of several.

use super::list::{List, WORDS};
use super::numbers::Numbers;
use super::source::{Part, RowGradients, Shape};
use super::teams::spread;
use crate::error::Result;
use crate::gpu::{Dispatch, Pipelines, limits, resource, upload};
use crate::step::{StepEntry, view};
use crate::wgsl::{Declaration, ORDER, Shader, constants, shader};

const BEGIN: &str = include_str!("../../shaders/coalesce/begin.wgsl");
const APPEND: &str = include_str!("../../shaders/coalesce/append.wgsl");

crate::words::words! {
    /// What both dispatches work on.
    pub struct AppendTask {
        /// Where the parameter's entry is in the step record.
        record: u32,
        /// Entries of the list that there is room for.
        room: u32,
        /// Entries of the micro-batch that there is room for.
        most: u32,
        /// Where the entries' rows begin in their binding.
        rows_at: u32,
        /// Where the count is in its binding.
        count_at: u32,
        /// Elements of a row, numbers or four of them.
        width: u32,
        /// Where the gradient rows begin in their binding, in elements.
        gradient_at: u32,
    }
}

/// What the kernels bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Task,
    Record,
    Rows,
    Count,
    Gradient,
    List,
    Appended,
}

impl Slot {
    fn declared(self, written: bool) -> Declaration<Slot> {
        let (name, ty) = match self {
            Slot::Task => ("task", "AppendTask"),
            Slot::Record => ("record", "array<u32>"),
            Slot::Rows => ("rows", "array<u32>"),
            Slot::Count => ("count", "array<u32>"),
            Slot::Gradient => ("gradient", "array<Words>"),
            Slot::List => ("list", "array<u32>"),
            Slot::Appended => ("appended", "array<Words>"),
        };
        Declaration { slot: self, name: name.into(), ty: ty.into(), written }
    }
}

/// Whether a micro-batch is a step's own, the last one, which is appended before the step is decided about.
pub(super) fn begin(is_step: bool) -> Shader<Slot> {
    let fields = StepEntry::FIELDS.iter().zip(0..);
    let place = |name: &str| fields.clone().find(|(field, _)| field.name == name).map_or(0, |(_, at)| at);
    let own = [("PENDING", place("pending")), ("USED", place("used")), ("VIEW", 0), ("TRAINED", view::TRAINED)];
    let order = [("ORDER", ORDER as u32), ("IN_ORDER", 0)];
    let numbers = constants(own.into_iter().chain(order).chain(WORDS)) + &format!("const IS_STEP: bool = {is_step};\n");
    let bindings = [(Slot::Task, false), (Slot::Record, false), (Slot::Count, false), (Slot::List, true)];
    shader(bindings.map(|(slot, written)| slot.declared(written)).to_vec(), &[AppendTask::WGSL, &numbers, BEGIN], "")
}

/// Copies rows, and gradient rows of these numbers. Those in f32 are copied as words, since an adapter may flush what it takes for numbers.
pub(super) fn append(invocations: u32, numbers: Numbers) -> Shader<Slot> {
    let words = if numbers.vectors { "vec4u" } else { "u32" };
    let mut gradient = Slot::Gradient.declared(false);
    let mut own = format!("alias Words = {words};\n") + &constants(WORDS.into_iter().chain([("INVOCATIONS", invocations)]));
    let word = match numbers.format.packed() {
        None => "gradient[i]",
        Some(_) => {
            gradient.ty = numbers.array().into();
            own += &(numbers.element() + &numbers.load());
            "bitcast<Words>(gradient_at(i))"
        }
    };
    own += &format!("fn words_at(i: u32) -> Words {{\n    return {word};\n}}\n");
    let [task, rows] = [Slot::Task, Slot::Rows].map(|slot| slot.declared(false));
    let [list, appended] = [Slot::List, Slot::Appended].map(|slot| slot.declared(true));
    shader(vec![task, rows, gradient, list, appended], &[AppendTask::WGSL, &own, APPEND], "")
}

/// Both dispatches, of which the second needs the first: for the caller's entries in these parts, and a parameter whose entry in the step record is there.
pub(super) fn dispatches(
    pipelines: &Pipelines,
    list: &List,
    (source, shape, parts): (&RowGradients, &Shape, [Part; 3]),
    (record, entry): (&wgpu::Buffer, u32),
    is_step: bool,
) -> Result<Vec<Dispatch>> {
    let (device, limits) = (pipelines.device(), limits(pipelines.device()));
    let [rows_at, gradient_at, count_at] = parts.map(|part| part.at);
    let numbers = Numbers::of(source.dtype, shape.width, gradient_at);
    let (width, gradient_at) = (shape.width / numbers.by(), gradient_at / numbers.by());
    let task = AppendTask { record: entry, room: list.room, most: shape.most, rows_at, count_at, width, gradient_at };
    let task = upload(device, "wgpu-optim task", &[task])?;
    let [rows, gradient, count] = parts.map(|part| part.window);
    let resource = |slot| match slot {
        Slot::Task => task.as_entire_binding(),
        Slot::Record => record.as_entire_binding(),
        Slot::Rows => resource(source.rows.buffer(), rows),
        Slot::Count => resource(source.count.buffer(), count),
        Slot::Gradient => resource(source.gradient.buffer(), gradient),
        Slot::List => list.rows.as_entire_binding(),
        Slot::Appended => list.gradient.as_entire_binding(),
    };
    let items = u64::from(shape.most) * u64::from(width);
    let invocations = limits.division.invocations;
    let both = [
        ("begin entries", begin(is_step), (1, 1)),
        ("append entries", append(invocations, numbers), spread(items, invocations, limits.workgroups)),
    ];
    let dispatch = |(label, shader, workgroups): (&str, Shader<Slot>, _)| {
        let kernel = pipelines.get(label, shader)?;
        Ok(Dispatch::new(&kernel, kernel.bind(device, resource)?, workgroups))
    };
    both.into_iter().map(dispatch).collect()
}
