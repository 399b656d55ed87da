//! `Decide` and `Show`: the kernels that change what values show.

use super::arrays::{Entry, Uses};
use super::copies::COPY;
use super::dispatches::{Asked, Dispatches, Over};
use super::members::Members;
use super::stage::{INVOCATION, ROW};
use super::{Declaration, Lanes, NUMERICS, Resource, Shader, array, lane_access, rows, shader, structs};
use crate::program::{Kernel, Purpose};
use crate::rule::AnyRule;
use crate::step::{ASIDE, Average, MASTER, Showing, StepKind, view};

const VIEW: &str = include_str!("../../shaders/step/view.wgsl");
const SHOWN: &str = include_str!("../../shaders/step/shown.wgsl");
const SHOWN_TILE: &str = include_str!("../../shaders/step/shown_tile.wgsl");
const SHOWN_ROW: &str = include_str!("../../shaders/step/shown_row.wgsl");
const EXCHANGE: &str = include_str!("../../shaders/step/exchange.wgsl");
const EXCHANGE_ASIDE: &str = include_str!("../../shaders/step/exchange_aside.wgsl");
const EXCHANGE_SAME: &str = include_str!("../../shaders/step/exchange_same.wgsl");
const EXCHANGE_SPLIT: &str = include_str!("../../shaders/step/exchange_split.wgsl");
const NO_COPY: &str = "fn store_copy(row: Row, steps: u32, i: u32, left: u32, x: vec4f) {\n}\n";
const MISPLACED: &str = include_str!("../../shaders/step/misplaced.wgsl");

/// What a parameter's rows do: nothing; form the evaluated values and keep the trained ones aside; exchange values and the first average, or one of
/// the lanes after it.
const WAYS: [(&str, u32); 3] = [("KEEP", 0), ("EVALUATE", 1), ("EXCHANGE", 2)];

/// Numbers of the views, and of what does not fit them.
const NUMBERS: [(&str, u32); 8] = [
    ("TRAINED", view::TRAINED),
    ("EVALUATED", view::EVALUATED),
    ("SWAPPED", view::SWAPPED),
    ("STEP_RECORDED", view::STEP),
    ("ACCUMULATE_RECORDED", view::ACCUMULATE),
    ("WRITE", view::WRITE),
    ("CHANGE", view::CHANGE),
    ("OUT_OF_ORDER", view::OUT_OF_ORDER),
];

/// Where there is but one view, rules have no part in its changes. Where the gradient of a table is row-sparse, an update goes over its list, and a change of view over all rows.
pub(super) fn dispatches(purpose: Purpose) -> Dispatches {
    let kernel = move |Asked { rule, kernel, step_kind }: &Asked<'_>| {
        let is_other = kernel.kind.listed != (purpose == Purpose::Table);
        let changes = !is_other && (!step_kind.averages.is_empty() || rule.has_views());
        changes.then(|| (format!("{} view", rule.name()), shown(*rule, kernel, step_kind)))
    };
    Dispatches::new(Over::Rows(purpose), kernel)
}

/// Changes to all views are decided by one kernel.
pub(super) fn dispatches_of_decision(number: u32) -> Dispatches {
    Dispatches::new(Over::All, move |asked| Some(("view".into(), view(number, asked.invocations(), asked.step_kind))))
}

/// The numbers, and whether there is more than one view.
pub(super) fn numbers(step_kind: &StepKind) -> String {
    structs::constants(NUMBERS) + &format!("const VIEWS: bool = {};\n", step_kind.views)
}

/// `in_view`, `misplaced` and `looked`, of kernels that bind the status.
pub(super) fn misplaced(step_kind: &StepKind) -> String {
    numbers(step_kind) + MISPLACED
}

/// The kernel that decides about a change to the view of this number, of one workgroup of so many invocations.
pub fn view(number: u32, invocations: u32, step_kind: &StepKind) -> Shader {
    let bindings = vec![
        array(Resource::Parameters, "parameters", "ParamSettings", false),
        array(Resource::Record, "record", "u32", true),
        Declaration { slot: Resource::Status, name: "status".into(), ty: "Status".into(), written: true },
        array(Resource::Options, "settings", "u32", false),
        array(Resource::Wish(number), "wish", "u32", false),
    ];
    let averages = step_kind.averages.len();
    let evaluated = view::evaluated_average(&step_kind.averages).unwrap_or(averages) as u32;
    let numbers = Average::KINDS.into_iter().chain(WAYS).chain([("EVALUATED_AVERAGE", evaluated), ("INVOCATIONS", invocations)]);
    let parts = [
        structs::entries(),
        structs::status(),
        structs::settings(averages),
        structs::entry(averages),
        structs::constants(numbers),
        misplaced(step_kind),
    ];
    shader(bindings, &[&parts.concat(), VIEW], "")
}

/// The kernel that changes what rows of a rule's parameters show. It binds values alone, even where they share a buffer with gradients.
pub fn shown(rule: &dyn AnyRule, kernel: &Kernel, step_kind: &StepKind) -> Shader {
    let uses = Uses { loads_values: true, stores_values: true, shows: true, stores_copies: kernel.kind.copied, ..Uses::default() };
    let mut bindings = vec![array(Resource::Rows, "rows", "vec4u", false), array(Resource::Record, "record", "vec4u", false)];
    bindings.extend(uses.bindings(kernel));
    let lanes = Lanes::new(rule, kernel, step_kind);
    bindings.extend(lanes.bindings());
    let averages = step_kind.averages.len();
    let copy = if kernel.kind.copied { COPY } else { NO_COPY };
    let exchange = match (step_kind.showing(rule, kernel.kind.keeps()), kernel.kind.values.packed()) {
        (Showing::Exchanged, None) => EXCHANGE,
        (Showing::Exchanged, Some(_)) => EXCHANGE_SAME,
        (Showing::Aside, _) => EXCHANGE_ASIDE,
        (Showing::Split, _) => EXCHANGE_SPLIT,
    };
    let text = copy.to_owned() + if kernel.kind.tiled { SHOWN_TILE } else { SHOWN_ROW } + exchange;
    let lane = |name: &str| step_kind.lane(rule, kernel.kind.keeps(), name).unwrap_or_default() as u32;
    let first = step_kind.averages.first().map_or(ASIDE, Average::state);
    let numbers = WAYS.into_iter().chain([("FIRST_AVERAGE", lane(first)), ("ASIDE", lane(ASIDE)), ("TRAINED", view::TRAINED)]);
    let trained = if kernel.kind.mastered { MASTER } else { ASIDE };
    let numbers = numbers.chain([("TRAINED_LANE", lane(trained))]);
    let mastered = format!("const MASTERED: bool = {};\n", kernel.kind.mastered);
    let entry = Entry { name: "show", parameters: &[ROW, ("change", "u32"), ("steps", "u32"), INVOCATION], result: None };
    let mut parts = vec![
        structs::row(),
        structs::entry(averages),
        structs::step_entry(averages),
        structs::constants(numbers) + &mastered,
        uses.body(kernel, &text, &[entry]),
    ];
    parts.push(lanes.text(uses.formats(&kernel.kind)));
    parts.push(lanes.averages());
    let mut own = "";
    // What `evaluate` reads is what the update does.
    let members = Members { rule, stage: rule.stages().len() - 1, kernel, step_kind };
    match rule.has_views() {
        true => {
            parts.extend([structs::rule(rule, kernel.kind.matrix, structs::loader_by_four), members.access()]);
            parts.extend([structs::default_prepare(rule), NUMERICS.into(), evaluated()]);
            own = rule.source();
        }
        false => {
            parts.extend([lane_access(kernel, true), "fn evaluated(row: Row, i: u32, p: vec4f) -> vec4f {\n    return p;\n}\n".into()])
        }
    }
    shader(bindings, &[&parts.concat(), &rows(kernel), SHOWN], own)
}

/// `evaluated`, by the rule.
fn evaluated() -> String {
    "fn evaluated(row: Row, i: u32, p: vec4f) -> vec4f {\n    var shown = p;\n    var state = load_state(row, Tile(), Rows(), Columns(), Sums(), i, 4u);\n    \
     evaluate(load_hyper(row.hyper), load_scalars(row.record + SCALARS), &shown, &state);\n    return shown;\n}\n"
        .into()
}
