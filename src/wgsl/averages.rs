//! `Average`: averages in the rows that a row-sparse gradient has nothing for. They follow their values all the same, as averages of a whole table do. In a table's first step, master values begin
//! there too.

use super::apply::averages;
use super::arrays::{Entry, Uses};
use super::copies::COPY;
use super::dispatches::{Asked, Dispatches, Over};
use super::members::Members;
use super::stage::{INVOCATION, ROW, begin, values};
use super::{NUMERICS, Resource, Shader, array, lane_access, rows, shader, structs};
use crate::program::{Kernel, Purpose};
use crate::rule::AnyRule;
use crate::step::{Average, MASTER, StepKind};

const AVERAGE: &str = include_str!("../../shaders/step/average.wgsl");
const AVERAGE_ROW: &str = include_str!("../../shaders/step/average_row.wgsl");

/// Tables that have averages or master values, before the update of the rows in the list.
pub(super) fn dispatches() -> Dispatches {
    let kernel = |Asked { rule, kernel, step_kind }: &Asked<'_>| {
        (!step_kind.averages.is_empty() || kernel.kind.mastered)
            .then(|| (format!("{} averages", rule.name()), averaged(*rule, kernel, step_kind)))
    };
    Dispatches::new(Over::Rows(Purpose::Table), kernel)
}

/// The kernel that brings on averages of the rows of a table that are not in the list. Values change where they follow an average.
pub fn averaged(rule: &dyn AnyRule, kernel: &Kernel, step_kind: &StepKind) -> Shader {
    let members = Members { rule, stage: rule.stages().len() - 1, kernel, step_kind };
    let follows = step_kind.averages.iter().any(is_followed);
    let copies = kernel.kind.copied && follows;
    let uses = Uses { loads_values: true, stores_values: follows, unlisted: true, stores_copies: copies, ..Uses::default() };
    let mut bindings = vec![array(Resource::Rows, "rows", "vec4u", false), array(Resource::Record, "record", "vec4u", false)];
    bindings.extend(uses.bindings(kernel));
    bindings.extend(members.lanes().bindings());
    let count = step_kind.averages.len();
    let copy = if copies { "    store_copy(row, own.step, i, left, *p);\n" } else { "" };
    // Where values follow an average, they are stored with the master values.
    let master = members.lane(MASTER).filter(|_| !follows).map(|lane| members.store_lane(lane, "before"));
    let master = master.map_or(String::new(), |store| format!("    if own.step == 1u {{\n    {store}    }}\n"));
    let follow = format!(
        "fn follow(own: StepEntry, row: Row, i: u32, left: u32, p: ptr<function, vec4f>) {{\n    let before = *p;\n{master}{}{copy}}}\n",
        averages(&members)
    );
    let text = values(&members, &uses) + &follow + AVERAGE_ROW + if copies { COPY } else { "" };
    let entry = Entry { name: "average", parameters: &[ROW, ("own", "StepEntry"), INVOCATION], result: None };
    let parts = [
        structs::row(),
        structs::entry(count),
        structs::step_entry(count),
        moves(step_kind, kernel.kind.mastered),
        begin(&members, &uses),
        lane_access(kernel, true),
        members.lanes().text(uses.formats(&kernel.kind)),
        uses.body(kernel, &text, &[entry]),
    ];
    shader(bindings, &[&parts.concat(), NUMERICS, &rows(kernel), AVERAGE], "")
}

/// `moves`: whether some average changes in a step, or something begins before it.
fn moves(step_kind: &StepKind, mastered: bool) -> String {
    let weights = step_kind.averages.iter().zip(structs::WEIGHTS).map(|(_, weight)| format!("own.{weight} != 0.0"));
    let begins = (mastered || step_kind.averages.iter().any(is_followed)).then(|| "own.step == 1u".to_owned());
    let any = weights.chain(begins).collect::<Vec<_>>().join(" || ");
    format!("fn moves(own: StepEntry) -> bool {{\n    return {any};\n}}\n")
}

/// Whether values become the average.
fn is_followed(average: &Average) -> bool {
    matches!(average, Average::Lookahead(_))
}
