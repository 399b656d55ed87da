//! `Lines`: the stages of rules over rows, columns and axes.

use super::dispatches::{Asked, Dispatches, Over};
use super::members::{ACROSS, SLICE_TOTAL, slice_sum, sum_form, wide_lane};
use super::tallies::{both_of, sum_struct, tallies};
use super::{GATHER, NUMERICS, Resource, Shader, array, load, shader, store, structs};
use crate::program::{Access, Line, Shape};
use crate::rule::{AnyRule, Extent, SumField, SumForm};
use crate::step::StepKind;

const TALLY: &str = include_str!("../../shaders/step/line_tally.wgsl");
const TALLY_NOTHING: &str = include_str!("../../shaders/step/line_tally_nothing.wgsl");
const LINES: &str = include_str!("../../shaders/lines.wgsl");
const LINES_AXIS: &str = include_str!("../../shaders/lines_axis.wgsl");

/// The stage of this number, of rules that have more.
pub(super) fn dispatches(number: usize) -> Dispatches {
    let kernel = move |asked: &Asked<'_>| {
        let Asked { rule, kernel, step_kind } = asked;
        let label = format!("{} {}", rule.name(), rule.stages()[number].name);
        Some((label, lines(*rule, number, kernel.kind.matrix, asked.invocations(), step_kind)))
    };
    Dispatches::new(Over::Lines(number), kernel)
}

/// The kernel of a stage over rows, columns or axes.
pub fn lines(rule: &dyn AnyRule, stage: usize, is_matrix: bool, invocations: u32, step_kind: &StepKind) -> Shader {
    let averages = step_kind.averages.len();
    let own = Own { rule, stage, is_matrix, step_kind };
    let bindings = vec![
        array(Resource::Work, "work", "Line", false),
        array(Resource::Parameters, "parameters", "ParamSettings", false),
        array(Resource::Record, "record", "u32", false),
        array(Resource::Lines, "lines", "f32", true),
        array(Resource::Tiles(own.source().unwrap_or_default()), "tiles", "vec4f", false),
    ];
    let parts = [
        Line::WGSL.to_owned(),
        Shape::WGSL.to_owned(),
        structs::loader("load_shape", "Shape", Shape::FIELDS, "record"),
        structs::entries(),
        structs::entry(averages),
        structs::rule(rule, is_matrix, structs::loader),
        structs::places(rule, averages),
        structs::default_prepare(rule),
        structs::constants([("INVOCATIONS", invocations), ("COLUMN_SUMS", own.tile_sums()[1] as u32)]),
        load(Access::Scalar, "line", "lines"),
        store(Access::Scalar, "line", "lines"),
        "fn line_at(at: u32) -> f32 {\n    return lines[at];\n}\n".into(),
        SLICE_TOTAL.into(),
        ACROSS.into(),
        both_of("both_of_lines", "vec4f", &own.formed(own.source(), own.over())),
        own.access(),
        own.tallies(),
        if own.over() == Extent::Axes { LINES_AXIS.into() } else { String::new() },
    ];
    shader(bindings, &[&parts.concat(), NUMERICS, LINES], rule.source())
}

/// A stage over rows, columns or axes of a rule.
struct Own<'a> {
    rule: &'a dyn AnyRule,
    stage: usize,
    is_matrix: bool,
    step_kind: &'a StepKind,
}

impl Own<'_> {
    fn over(&self) -> Extent {
        self.rule.stages()[self.stage].over
    }

    fn source(&self) -> Option<usize> {
        self.rule.sums_from(self.stage, self.is_matrix)
    }

    fn formed(&self, stage: Option<usize>, wanted: Extent) -> Vec<&'static SumField> {
        stage.map(|stage| self.rule.formed(stage, self.is_matrix, |extent| extent == wanted)).unwrap_or_default()
    }

    /// How many numbers each tile has of every row, and of every column.
    fn tile_sums(&self) -> [usize; 2] {
        let count = |lines| self.source().map_or(0, |stage| self.rule.formed_of(stage, self.is_matrix, lines).len());
        [Extent::Rows, Extent::Columns].map(count)
    }

    /// The sums over rows, columns or axes that the stage reads, and their numbers among these.
    fn read(&self) -> Vec<(usize, &'static SumField)> {
        let sums = self.formed(self.source(), self.over()).into_iter().enumerate();
        sums.filter(|(_, sum)| self.rule.stages()[self.stage].reads(sum.name)).collect()
    }

    /// The first number of a lane of this extent, in WGSL.
    fn lane(&self, name: &str, extent: Extent) -> Option<String> {
        let lane = wide_lane(self.rule, self.step_kind, self.is_matrix, name, extent)?;
        let (first, within) = match extent {
            Extent::Rows => ("rows", "line.slice * shape.height"),
            Extent::Columns => ("columns", "line.slice * shape.width"),
            Extent::Axes => ("axes", "line.axis"),
            _ => ("slices", "line.slice * shape.slice_parts"),
        };
        Some(format!("shape.{first} + {lane}u * shape.{first}_stride + {within}"))
    }

    /// `load_state`, `store_state`, `stage` and `whole_of`.
    fn access(&self) -> String {
        let stage = &self.rule.stages()[self.stage];
        let loads: Vec<String> = self.rule.members().map(|(name, extent)| self.load(name, extent)).collect();
        let writes = self.rule.states().iter().filter(|state| stage.writes(state.name) && state.extent == self.over());
        let writes = writes.map(|state| (state.name, "state"));
        // What stages over elements read of the sums is kept as it was read.
        let sums = self.read().into_iter().map(|(_, sum)| (sum.name, "read"));
        let own = self.formed(Some(self.stage), self.over()).into_iter().map(|sum| (sum.name, "state"));
        let store = |(name, from): (&'static str, &str)| {
            let lane = self.lane(name, self.over())?;
            Some(format!("    store_line({lane} + n, left, {from}.{name}, {from}.{name});\n"))
        };
        let stores: String = writes.chain(sums).chain(own).filter_map(store).collect();
        let reads_whole = self.rule.sums().iter().any(|sum| sum.extent.is_whole() && stage.reads(sum.name));
        let whole = if reads_whole { "load_whole(at + SUMS)" } else { "Sums()" };
        format!(
            "fn load_state(line: Line, shape: Shape, whole: Sums, totals: Totals, n: u32, left: u32) -> State {{\n    return State({});\n}}\n\
             fn store_state(line: Line, shape: Shape, n: u32, left: u32, state: State, read: State) {{\n{stores}}}\n\
             fn stage(h: Hyper, s: Scalars, p: ptr<function, vec4f>, state: ptr<function, State>) {{\n    \
             {}(h, s, vec4f(0.0), p, state);\n}}\n\
             fn whole_of(at: u32) -> Sums {{\n    return {whole};\n}}\n",
            loads.join(", "),
            stage.name
        ) + &self.totals()
    }

    fn load(&self, name: &'static str, extent: Extent) -> String {
        let (stage, zero) = (&self.rule.stages()[self.stage], "vec4f(0.0)".to_owned());
        if !stage.reads(name) || stage.forms(name) || !self.rule.uses_for(name, self.is_matrix) {
            return zero;
        }
        let is_state = self.rule.states().iter().any(|state| state.name == name);
        if extent == self.over() && !is_state {
            return self.total(name).unwrap_or(zero);
        }
        match extent {
            Extent::Elements | Extent::Squares => zero,
            Extent::Rows | Extent::Columns | Extent::Axes if extent != self.over() => zero,
            Extent::Rows | Extent::Columns | Extent::Axes => {
                self.lane(name, extent).map_or(zero, |lane| format!("load_line({lane} + n, left)"))
            }
            Extent::Slices => {
                self.lane(name, extent).map_or(zero, |lane| format!("vec4f({})", slice_sum(&lane, sum_form(self.rule, name))))
            }
            _ => format!("vec4f(whole.{name})"),
        }
    }

    /// The sum over four rows or columns; past the end, any.
    fn total(&self, name: &str) -> Option<String> {
        let (_, sum) = self.read().into_iter().find(|(_, sum)| sum.name == name)?;
        let count = if self.over() == Extent::Rows { "shape.width" } else { "shape.height" };
        let total = format!("saturated(totals.{name})");
        Some(if sum.form == SumForm::Mean { format!("{total} / f32({count})") } else { total })
    }

    /// `Totals` and `totals_of`: the sums over four rows or columns that the stage reads.
    fn totals(&self) -> String {
        let sums = self.read();
        if sums.is_empty() {
            return "struct Totals { none: u32 }\nfn totals_of(line: Line, shape: Shape, n: u32, invocation: u32) -> Totals {\n    return Totals();\n}\n"
                .into();
        }
        let [rows, columns] = self.tile_sums();
        // Those over axes come after those over rows, and over columns.
        let of_axes = self.formed(self.source(), Extent::Axes).len();
        let share = |index: usize| match self.over() {
            Extent::Rows => format!("row_share(line, shape, {index}u, n, invocation)"),
            Extent::Columns => format!("column_share(line, shape, {index}u, n, invocation)"),
            _ => format!("axis_share(line, shape, {}u, {}u, n, invocation)", rows - of_axes + index, columns - of_axes + index),
        };
        let fields: Vec<String> = sums.iter().map(|(_, sum)| format!("{}: vec4f", sum.name)).collect();
        let total =
            |(index, _): &(usize, &SumField)| format!("    let total{index} = together(line, {index}u, {}, invocation);\n", share(*index));
        let totals: String = sums.iter().map(total).collect();
        let names: Vec<String> = sums.iter().map(|(index, _)| format!("total{index}")).collect();
        format!(
            "struct Totals {{ {} }}\nfn totals_of(line: Line, shape: Shape, n: u32, invocation: u32) -> Totals {{\n{totals}    \
             return Totals({});\n}}\n",
            fields.join(", "),
            names.join(", ")
        )
    }

    /// `Tallies`, `tallies`, `added` and `finish`: what the stage adds up over its slice.
    fn tallies(&self) -> String {
        let sums = self.formed(Some(self.stage), Extent::Slices);
        if sums.is_empty() {
            return TALLY_NOTHING.into();
        }
        let store = |sum: &&SumField| {
            let lane = self.lane(sum.name, Extent::Slices)?;
            Some(format!("    lines[{lane} + line.part] = saturated(vec4f(sum.{})).x;\n", sum.name))
        };
        let stores: String = sums.iter().filter_map(store).collect();
        let store = format!("fn store_sums(line: Line, shape: Shape, sum: Sum) {{\n{stores}}}\n");
        sum_struct(&sums, false) + &tallies(&sums, false, |_| true) + &store + TALLY + GATHER
    }
}
