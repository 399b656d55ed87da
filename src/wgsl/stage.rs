//! `Stage` and `Update`: the stages of rules over elements.

use super::apply::{apply, begin_averages};
use super::arrays::{Entry, Uses};
use super::copies::COPY;
use super::dispatches::{Asked, Dispatches, Over};
use super::members::Members;
use super::tallies::{NO_TURNS, TALLY_NO_ROWS};
use super::{Declaration, Formed, GATHER, NUMERICS, Resource, Shader, array, element, rows, shader, structs};
use crate::program::{Kernel, Purpose};
use crate::rule::{AnyRule, Extent};
use crate::step::{MASTER, StepKind};

const STAGE: &str = include_str!("../../shaders/stage.wgsl");
const SWEEP: &str = include_str!("../../shaders/sweep.wgsl");
const SWEEP_BLOCKS: &str = include_str!("../../shaders/sweep_blocks.wgsl");
const SWEEP_OWN_BLOCKS: &str = include_str!("../../shaders/sweep_own_blocks.wgsl");
const SWEEP_LISTED: &str = include_str!("../../shaders/sweep_listed.wgsl");
const PLACE: &str = include_str!("../../shaders/step/place.wgsl");
const PLACE_PLAIN: &str = include_str!("../../shaders/step/place_plain.wgsl");
const PLACE_LISTED: &str = include_str!("../../shaders/step/place_listed.wgsl");
const SWEEP_TILE: &str = include_str!("../../shaders/sweep_tile.wgsl");
const SWEEP_TILE_ROWS: &str = include_str!("../../shaders/sweep_tile_rows.wgsl");
const CLEAR_TILE: &str = include_str!("../../shaders/step/clear_tile.wgsl");
const CLEAR: &str = include_str!("../../shaders/step/clear.wgsl");
const SCALES: &str = include_str!("../../shaders/step/scales.wgsl");
const FACTORED: &str = include_str!("../../shaders/step/factored.wgsl");
const LIMIT: &str = include_str!("../../shaders/step/limit.wgsl");
const UNIT: &str = include_str!("../../shaders/step/unit.wgsl");
const UNIT_LISTED: &str = include_str!("../../shaders/step/unit_listed.wgsl");
const UNIT_WHOLE: &str = include_str!("../../shaders/step/unit_whole.wgsl");
const ROW_STEPS: &str = include_str!("../../shaders/step/row_steps.wgsl");
const NO_ROW_STEPS: &str = "fn count_rows(row: Row, invocation: u32) {\n}\n";
const MOVED: &str = include_str!("../../shaders/step/moved.wgsl");

pub(super) const ROW: (&str, &str) = ("row", "Row");
pub(super) const INVOCATION: (&str, &str) = ("invocation", "u32");

/// The stage of this number, of rules that have more.
pub(super) fn dispatches(number: usize) -> Dispatches {
    let kernel = move |Asked { rule, kernel, step_kind }: &Asked<'_>| {
        let runs = rule.runs_before_update(number, kernel.kind.matrix) && rule.stages()[number].over == Extent::Elements;
        runs.then(|| (format!("{} {}", rule.name(), rule.stages()[number].name), stage(*rule, number, kernel, step_kind)))
    };
    Dispatches::new(Over::Rows(Purpose::Update), kernel).collecting(Formed::Stage(number))
}

/// The last stage of every rule.
pub(super) fn dispatches_of_update() -> Dispatches {
    let kernel = |Asked { rule, kernel, step_kind }: &Asked<'_>| {
        Some((format!("{} update", rule.name()), stage(*rule, rule.stages().len() - 1, kernel, step_kind)))
    };
    Dispatches::new(Over::Rows(Purpose::Update), kernel)
}

/// The kernel for a stage over elements of a rule with the states that it uses, for one way of access to values and gradients; the last one is the update.
pub fn stage(rule: &dyn AnyRule, stage: usize, kernel: &Kernel, step_kind: &StepKind) -> Shader {
    let members = Members { rule, stage, kernel, step_kind };
    let kind = &kernel.kind;
    let (own, is_last) = (&rule.stages()[stage], stage + 1 == rule.stages().len());
    let clears = step_kind.zero_grad && !kind.listed && Some(stage) == last_to_read_gradients(rule, kind.matrix);
    let uses = Uses {
        loads_values: own.value || is_last,
        stores_values: is_last,
        loads_gradients: own.gradient || clears,
        clears_gradients: clears,
        loads_scales: kind.scaled && is_last,
        stores_copies: kind.copied && is_last,
        updates: is_last || clears,
        ..Uses::default()
    };
    let mut bindings: Vec<Declaration> =
        vec![array(Resource::Rows, "rows", "vec4u", false), array(Resource::Record, "record", "vec4u", false)];
    bindings.extend(uses.bindings(kernel));
    bindings.extend(members.lanes().bindings());
    if members.reads_lines() {
        bindings.push(array(Resource::Lines, "lines", element(members.lines_access()), false));
    }
    if kind.counted && is_last {
        bindings.push(array(Resource::Lines, "lines", "f32", true));
    }
    let mut parts = vec![
        structs::row(),
        structs::entry(step_kind.averages.len()),
        structs::rule(rule, kind.matrix, structs::loader_by_four),
        structs::wide_entry(rule, step_kind.averages.len()),
        structs::step_entry(step_kind.averages.len()),
        members.access(),
        whole_of(&members),
        structs::default_prepare(rule),
        idle(step_kind, clears, is_last),
        begin(&members, &uses),
        body(&members, &uses),
        structs::constants([("AT_ONCE", kernel.division.rows_at_once)]),
    ];
    if kind.listed || members.stores_blocks() {
        parts.push(PLACE.into());
    }
    if kind.adaptive {
        let of_tables = if kind.whole_units { UNIT_WHOLE } else { UNIT };
        parts.push(if kind.listed { UNIT_LISTED } else { of_tables }.into());
    }
    if step_kind.measures {
        parts.push(FACTORED.into());
    }
    if step_kind.clamps {
        parts.push(LIMIT.into());
    }
    parts.push(members.lanes().text(uses.formats(kind)));
    if !is_last {
        if !members.whole().is_empty() {
            bindings.push(array(Resource::Sums(Formed::Stage(stage)), "sums", "Sum", true));
            parts.push(GATHER.into());
        }
        if members.forms_lines() {
            bindings.push(array(Resource::Tiles(stage), "tiles", "vec4f", true));
        }
        parts.push(members.tallies());
    } else {
        if kind.tiled {
            parts.push(if members.reads_rows() { String::new() } else { TALLY_NO_ROWS.to_owned() + NO_TURNS });
        }
        if step_kind.measures_update {
            bindings.push(array(Resource::Sums(Formed::Update), "moved", "Sum", true));
            parts.push(structs::sums());
            parts.extend([GATHER, MOVED].map(String::from));
        } else {
            parts.push("fn finish(row: Row, invocation: u32) {\n}\n".into());
        }
    }
    shader(bindings, &[&parts.concat(), NUMERICS, &rows(kernel), STAGE], rule.source())
}

/// The stage after which nobody reads gradients: it sets them to zero.
fn last_to_read_gradients(rule: &dyn AnyRule, is_matrix: bool) -> Option<usize> {
    (0..rule.stages().len()).rfind(|&stage| rule.stages()[stage].gradient && rule.runs(stage, is_matrix))
}

/// `whole_of`: the sums over the tensor or more that earlier stages formed.
fn whole_of(members: &Members<'_>) -> String {
    let value = if members.reads_whole() { "load_whole(row.record + SUMS)" } else { "Sums()" };
    format!("fn whole_of(row: Row) -> Sums {{\n    return {value};\n}}\n")
}

/// What touches the caller's arrays.
fn body(members: &Members<'_>, uses: &Uses) -> String {
    let sweep = [ROW, ("own", "StepEntry"), ("h", "Hyper"), ("s", "Scalars"), ("whole", "Sums"), ("tile", "Tile"), INVOCATION];
    let is_tiled = members.kernel.kind.tiled;
    let is_listed = members.kernel.kind.listed;
    let sweep_text = if members.stores_blocks() {
        if members.lanes().shares_blocks() { SWEEP_BLOCKS } else { SWEEP_OWN_BLOCKS }
    } else if is_listed {
        SWEEP_LISTED
    } else if !is_tiled {
        SWEEP
    } else if members.reads_rows() {
        SWEEP_TILE_ROWS
    } else {
        SWEEP_TILE
    };
    let at_once = match is_tiled {
        true if members.reads_rows() => rows_at_once(members),
        true => turns(members.kernel.division.rows_at_once, members.whole_left()),
        false => String::new(),
    };
    let mut text = values(members, uses) + &apply(members) + &begin_averages(members) + &at_once + sweep_text;
    if is_listed || members.stores_blocks() {
        text += if is_listed { PLACE_LISTED } else { PLACE_PLAIN };
    }
    text += if members.kernel.kind.counted { ROW_STEPS } else { NO_ROW_STEPS };
    let mut entries = vec![Entry { name: "sweep", parameters: &sweep, result: None }];
    if uses.clears_gradients {
        text += if is_tiled { CLEAR_TILE } else { CLEAR };
        entries.push(Entry { name: "clear", parameters: &[ROW, INVOCATION], result: None });
    }
    if uses.loads_scales {
        text += SCALES;
    }
    if uses.stores_copies {
        text += COPY;
    }
    uses.body(members.kernel, &text, &entries)
}

/// `turn` and `turns_at_once`, which go through one row, and through so many: all loads come first, so that they are under way together.
fn turns(at_once: u32, left: &str) -> String {
    let function = |name: &str, count: u32| {
        let each = |form: &dyn Fn(u32) -> String| (0..count).map(form).collect::<String>();
        let load = |j: u32| {
            format!(
                "    let k{j} = k + {j}u * below;\n    let i{j} = k{j} * row.columns + 4u * v;\n    let before{j} = value_of(row, i{j}, left);\n    \
                 var p{j} = before{j};\n    var state{j} = load_state(row, tile, rows_of(tile, k{j}), columns, whole, i{j}, left);\n"
            )
        };
        let apply = |j: u32| format!("    apply(h, s, own, row, i{j}, left, &p{j}, &state{j});\n");
        let store = |j: u32| {
            format!(
                "    store_state(row, i{j}, left, state{j});\n    store_p(row, i{j}, left, p{j}, before{j});\n    \
                 add_to_row((k{j} - first) * vectors + v, state{j}, {left});\n"
            )
        };
        format!(
            "fn {name}(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, columns: Columns, first: u32, vectors: u32, v: u32, \
             left: u32, k: u32, below: u32) {{\n{}{}{}}}\n",
            each(&load),
            each(&apply),
            each(&store)
        )
    };
    function("turn", 1) + &function("turns_at_once", at_once)
}

/// `one_row` and `rows_at_once`, which go through an invocation's part of one row, and of so many: at each turn four columns of all of them.
fn rows_at_once(members: &Members<'_>) -> String {
    let (left, [of_rows, of_columns, of_whole]) = (members.whole_left(), members.adds_up());
    let part = |wanted: bool, text: &str| if wanted { text.to_owned() } else { String::new() };
    let function = |name: &str, count: u32| {
        let each = |form: &dyn Fn(u32) -> String| (0..count).map(form).collect::<String>();
        let begin = |j: u32| {
            format!("    let k{j} = k + {j}u * below;\n    let rows{j} = rows_of(tile, k{j});\n")
                + &part(of_rows, &format!("    var of_row{j} = RowTallies();\n"))
        };
        let load = |j: u32| {
            format!(
                "        let i{j} = k{j} * row.columns + 4u * v;\n        let before{j} = value_of(row, i{j}, left);\n        var p{j} = before{j};\n        \
                 var state{j} = load_state(row, tile, rows{j}, columns, whole, i{j}, left);\n"
            )
        };
        let apply = |j: u32| format!("        apply(h, s, own, row, i{j}, left, &p{j}, &state{j});\n");
        let store = |j: u32| {
            format!("        store_state(row, i{j}, left, state{j});\n        store_p(row, i{j}, left, p{j}, before{j});\n")
                + &part(of_rows, &format!("        of_row{j} = added_to_row(of_row{j}, state{j}, left);\n"))
        };
        let end = |j: u32| part(of_rows, &format!("    keep_row(k{j} * beside + begin, of_row{j});\n"));
        format!(
            "fn {name}(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, k: u32, begin: u32, beside: u32, \
             below: u32) {{\n{}    var four = 0u;\n    for (var v = begin; v < (row.width + 3u) / 4u; v += beside) {{\n        \
             let left = {left_of};\n        let columns = columns_of(tile, 4u * v, left);\n{}{}{}{}{}        four++;\n    }}\n{}{}}}\n",
            each(&begin),
            each(&load),
            each(&apply),
            each(&store),
            part(of_columns, "        keep_columns(four);\n"),
            part(of_whole, "        end_four();\n"),
            each(&end),
            part(of_whole, "    end_rows();\n"),
            left_of = if left == "left" { "row.width - 4u * v" } else { left },
        )
    };
    function("one_row", 1) + &function("rows_at_once", members.kernel.division.rows_at_once)
}

/// `value_of` and `store_p`: a stage that does not read values is given zeros, and only the last one stores them. Master values go before others; those of the first step are what the
/// values are, unless these are the master values rounded.
pub(super) fn values(members: &Members<'_>, uses: &Uses) -> String {
    let master = members.lane(MASTER);
    let load = match (master, members.kernel.kind.values.packed()) {
        _ if !uses.loads_values => "    return vec4f(0.0);\n".to_owned(),
        (Some(lane), Some(packed)) => format!(
            "    let master = {};\n    if value_step != 1u {{\n        return master;\n    }}\n    let value = load_value(row, i, left);\n    \
             return select(value, master, decoded_{name}(encoded_{name}(master, 0u, 0u, 0u)) == value);\n",
            members.load_lane(lane),
            name = packed.name()
        ),
        _ => "    return load_value(row, i, left);\n".to_owned(),
    };
    let store = if uses.stores_values { "    store_value(row, i, left, p, before);\n" } else { "" };
    let master = master.filter(|_| uses.stores_values).map(|lane| members.store_lane(lane, "p")).unwrap_or_default();
    format!(
        "fn value_of(row: Row, i: u32, left: u32) -> vec4f {{\n{load}}}\n\
         fn store_p(row: Row, i: u32, left: u32, p: vec4f, before: vec4f) {{\n{master}{store}}}\n"
    )
}

/// `begin_row`, which notes the step for what goes by it: values, and states that are rounded by drawn numbers.
pub(super) fn begin(members: &Members<'_>, uses: &Uses) -> String {
    let value = if uses.notes_step(&members.kernel.kind) { "    value_step = own.step;\n" } else { "" };
    let states = if members.lanes().rounds_stochastically() { "    rounding_step = own.step;\n" } else { "" };
    format!("fn begin_row(own: StepEntry) {{\n{value}{states}}}\n")
}

/// `idle`, which rows a stage leaves alone: those that are not active, though the stage that clears gradients does so if it is just this step that is skipped.
fn idle(step_kind: &StepKind, clears: bool, is_last: bool) -> String {
    let mut text = String::from("fn idle(row: Row, own: StepEntry, invocation: u32) -> bool {\n");
    if clears {
        text += "    if own.is_active == SKIPPED {\n        clear(row, invocation);\n    }\n";
    }
    if step_kind.measures_update && is_last {
        text += "    if own.is_active == 0u && invocation == 0u {\n        moved[row.partial] = Sum();\n    }\n";
    }
    text + "    return own.is_active != 1u;\n}\n"
}
