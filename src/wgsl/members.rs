//! The members of a rule's `State` in one stage: where each is loaded from, and where it goes.

use super::structs::{constants, structure};
use super::tallies::{columns_functions, rows_functions, sum_struct, tallies};
use super::{Lanes, lane_access, load};
use crate::program::{Access, Kernel, LINES, Shape};
use crate::rule::{AnyRule, Extent, Field, SumField, SumForm};
use crate::step::{Keeps, StepKind};

const TALLY: &str = include_str!("../../shaders/step/tally.wgsl");
const TALLY_TURNS: &str = include_str!("../../shaders/step/tally_turns.wgsl");
const TALLY_AT_ONCE: &str = include_str!("../../shaders/step/tally_at_once.wgsl");
const TALLY_NO_WHOLE: &str = include_str!("../../shaders/step/tally_no_whole.wgsl");
const TALLY_NO_TILE: &str = include_str!("../../shaders/step/tally_no_tile.wgsl");
const TALLY_TILE: &str = include_str!("../../shaders/step/tally_tile.wgsl");
const TALLY_TILE_AT_ONCE: &str = include_str!("../../shaders/step/tally_tile_at_once.wgsl");
const AXES: &str = include_str!("../../shaders/step/axes.wgsl");
pub(super) const ACROSS: &str = include_str!("../../shaders/lib/across.wgsl");
pub(super) const SLICE_TOTAL: &str = include_str!("../../shaders/step/slice_total.wgsl");

/// A stage of a rule, in kernels of this kind.
#[derive(Clone, Copy)]
pub(super) struct Members<'a> {
    pub(super) rule: &'a dyn AnyRule,
    pub(super) stage: usize,
    pub(super) kernel: &'a Kernel,
    pub(super) step_kind: &'a StepKind,
}

impl Members<'_> {
    fn matrix(&self) -> bool {
        self.kernel.kind.matrix
    }

    /// Whether the stage reads a state or a sum that is in use, and does not form it.
    fn reads(&self, name: &str) -> bool {
        let stage = &self.rule.stages()[self.stage];
        stage.reads(name) && !stage.forms(name) && self.rule.uses_for(name, self.matrix())
    }

    fn is_formed(&self, name: &str) -> bool {
        (0..self.stage).any(|stage| self.rule.stages()[stage].forms(name))
    }

    /// The members that are read of rows, columns and slices.
    fn wide(&self) -> Vec<(&'static str, Extent)> {
        let is_sum = |name: &str| self.rule.sums().iter().any(|sum| sum.name == name);
        let members = self.rule.members().filter(|(_, extent)| LINES.contains(extent) && *extent != Extent::Squares);
        members.filter(|(name, _)| self.reads(name) && (!is_sum(name) || self.is_formed(name))).collect()
    }

    /// Whether the kernel reads numbers of rows, columns or slices.
    pub(super) fn reads_lines(&self) -> bool {
        !self.wide().is_empty()
    }

    /// Whether the kernel reads sums over the tensor, the group or all.
    pub(super) fn reads_whole(&self) -> bool {
        self.rule.sums().iter().any(|sum| sum.extent.is_whole() && self.reads(sum.name) && self.is_formed(sum.name))
    }

    /// The sums over the tensor, the group or all that it forms. Kernels of matrices and of other tensors have one table, so one that is in use for the others
    /// alone has its place here too, and is 0.
    pub(super) fn whole(&self) -> Vec<&'static SumField> {
        let stage = &self.rule.stages()[self.stage];
        self.rule.sums().iter().filter(|sum| sum.extent.is_whole() && stage.forms(sum.name)).collect()
    }

    /// The sums that it forms of the rows or of the columns of tiles.
    fn formed(&self, lines: Extent) -> Vec<&'static SumField> {
        self.rule.formed_of(self.stage, self.matrix(), lines)
    }

    /// Whether it forms sums over rows, columns or axes.
    pub(super) fn forms_lines(&self) -> bool {
        !self.formed(Extent::Rows).is_empty() || !self.formed(Extent::Columns).is_empty()
    }

    /// How many elements of a lane a kernel may touch beyond the first: of uneven tiles, those that are left, else whole vectors.
    pub(super) fn left(&self) -> &'static str {
        if self.kernel.kind.uneven { "left" } else { "4u" }
    }

    /// How many elements of a vector count for sums: all four, where rows of tiles begin and end with vectors.
    pub(super) fn whole_left(&self) -> &'static str {
        if self.kernel.kind.tiled { self.left() } else { "left" }
    }

    /// `load_state` and `store_state`: a member that is not in use, or that the stage does not read, is zero, and is not kept.
    pub(super) fn access(&self) -> String {
        let lanes = self.lanes();
        let loads: Vec<String> = self.rule.members().map(|(name, extent)| self.load(name, extent)).collect();
        let mut text = self.tile()
            + &format!(
                "fn load_state(row: Row, tile: Tile, rows: Rows, columns: Columns, whole: Sums, i: u32, left: u32) -> State {{\n    return State({});\n}}\n",
                loads.join(", ")
            );
        let stage = &self.rule.stages()[self.stage];
        let stored = self.rule.states().iter().filter(|state| stage.writes(state.name));
        let stored = stored.filter_map(|state| Some((self.lane(state.name)?, format!("state.{}", state.name))));
        let (blocked, stored): (Vec<_>, Vec<_>) = stored.partition(|(lane, _)| lanes.has_scales(*lane));
        let stores = stored.iter().map(|(lane, x)| self.store_lane(*lane, x));
        text += &format!("fn store_state(row: Row, i: u32, left: u32, state: State) {{\n{}}}\n", stores.collect::<String>());
        text += &lanes.blocked(&blocked);
        text + &if lanes.is_empty() { String::new() } else { lane_access(self.kernel, true) }
    }

    /// The lanes of the state.
    pub(super) fn lanes(&self) -> Lanes<'_> {
        Lanes::new(self.rule, self.kernel, self.step_kind)
    }

    /// Which of them has a number of this name for each element.
    pub(super) fn lane(&self, name: &str) -> Option<usize> {
        self.step_kind.lane(self.rule, self.kernel.kind.keeps(), name)
    }

    /// Whether the stage writes a state whose blocks have scales.
    pub(super) fn stores_blocks(&self) -> bool {
        let stage = &self.rule.stages()[self.stage];
        let written = self.rule.states().iter().filter(|state| stage.writes(state.name));
        written.filter_map(|state| self.lane(state.name)).any(|lane| self.lanes().has_scales(lane))
    }

    fn load(&self, name: &str, extent: Extent) -> String {
        let zero = "vec4f(0.0)".to_owned();
        if !self.reads(name) {
            return zero;
        }
        let is_state = self.rule.states().iter().any(|state| state.name == name);
        match extent {
            Extent::Elements => self.lane(name).map_or(zero, |lane| self.load_lane(lane)),
            _ if !is_state && !self.is_formed(name) => zero,
            // Only products read and write these.
            Extent::Squares => zero,
            Extent::Rows => format!("rows.{name}"),
            Extent::Columns => format!("columns.{name}"),
            Extent::Slices => format!("tile.{name}"),
            Extent::Axes => format!("smaller(rows.{name}, columns.{name})"),
            _ => format!("vec4f(whole.{name})"),
        }
    }

    /// Four elements of a lane.
    pub(super) fn load_lane(&self, lane: usize) -> String {
        self.lanes().load(lane, self.left(), self.stores_blocks())
    }

    /// Keeps four elements in a lane, whose padding is its own.
    pub(super) fn store_lane(&self, lane: usize, x: &str) -> String {
        self.lanes().store(lane, self.left(), x)
    }

    /// How the numbers of rows, columns and slices are accessed: those of an axis may begin between vectors.
    pub(super) fn lines_access(&self) -> Access {
        let reads_axes = self.wide().iter().any(|(_, extent)| *extent == Extent::Axes);
        if self.kernel.kind.uneven || reads_axes { Access::Scalar } else { self.kernel.division.vectors }
    }

    /// `Tile` and `tile_of`: where the numbers of a tile's rows and columns are, and that of its slice. `Rows` and `rows_of`: those of one row.
    /// `Columns` and `columns_of`: those of four columns.
    fn tile(&self) -> String {
        let wide = self.wide();
        let of = |wanted: Extent| wide.iter().filter(move |(_, extent)| *extent == wanted).map(|&(name, _)| name);
        let lane = |name: &str, extent| wide_lane(self.rule, self.step_kind, self.matrix(), name, extent).unwrap_or_default();
        let vectors = |wanted: Extent| of(wanted).map(|name| Field { name, wgsl: "vec4f" });
        let lines = || of(Extent::Rows).map(|name| (name, Extent::Rows)).chain(of(Extent::Columns).map(|name| (name, Extent::Columns)));
        let axes = of(Extent::Axes).map(|name| Field { name, wgsl: "TileAxes" });
        let tile: Vec<Field> = vectors(Extent::Slices).chain(lines().map(|(name, _)| Field { name, wgsl: "u32" })).chain(axes).collect();
        let slice = |name| format!("vec4f({})", slice_sum(&slice_place(lane(name, Extent::Slices)), sum_form(self.rule, name)));
        let of_axes = |name| format!("axes_of(shape, shape.axes + {}u * shape.axes_stride, row, first_row)", lane(name, Extent::Axes));
        let places = lines().map(|(name, extent)| line_place(lane(name, extent), extent));
        let values = of(Extent::Slices).map(slice).chain(places).chain(of(Extent::Axes).map(of_axes)).collect::<Vec<_>>().join(", ");
        let rows = of(Extent::Rows).map(|name| format!("vec4f(line_at(tile.{name} + k))"));
        let rows = rows.chain(of(Extent::Axes).map(|name| format!("of_row_axes(tile.{name}, k)"))).collect::<Vec<_>>().join(", ");
        let columns = of(Extent::Columns).map(|name| format!("load_line(tile.{name} + column, left)"));
        let columns = columns.chain(of(Extent::Axes).map(|name| format!("load_line(tile.{name}.columns + column, left)")));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let find = "    let shape = load_shape(row.record + SHAPE);\n    let first_row = row.element / row.columns;\n    \
                    let slice = first_row / shape.height;\n    let first_column = slice * row.columns + row.element % row.columns;\n";
        let axes = if of(Extent::Axes).next().is_some() { AXES.to_owned() + &leading_axes() } else { String::new() };
        let access = || line_access(self.lines_access()) + SLICE_TOTAL + &axes;
        let (access, find) = if wide.is_empty() { (String::new(), "") } else { (access(), find) };
        access
            + &structure("Tile", &or_none(tile))
            + &structure("Rows", &or_none(vectors(Extent::Rows).chain(vectors(Extent::Axes)).collect()))
            + &structure("Columns", &or_none(vectors(Extent::Columns).chain(vectors(Extent::Axes)).collect()))
            + &format!(
                "fn tile_of(row: Row) -> Tile {{\n{find}    return Tile({values});\n}}\n\
                 fn rows_of(tile: Tile, k: u32) -> Rows {{\n    return Rows({rows});\n}}\n\
                 fn columns_of(tile: Tile, column: u32, left: u32) -> Columns {{\n    return Columns({columns});\n}}\n"
            )
    }

    /// Whether kernels go through whole rows of tiles, several at once.
    pub(super) fn reads_rows(&self) -> bool {
        self.kernel.kind.tiled && self.kernel.division.reads_rows()
    }

    /// What is to be done with what the stage adds up over rows, columns and more, where several rows are gone through at once: whether there are such sums.
    pub(super) fn adds_up(&self) -> [bool; 3] {
        let is_last = self.stage + 1 == self.rule.stages().len();
        let formed = |lines| !is_last && !self.formed(lines).is_empty();
        [formed(Extent::Rows), formed(Extent::Columns), !is_last && !self.whole().is_empty()]
    }

    /// What the stage adds up: `add`, what rows and columns of tiles need, `finish` and `finish_tile`, and the struct `Sum` of the sums over the tensor or more.
    pub(super) fn tallies(&self) -> String {
        let (whole, rows, columns) = (self.whole(), self.formed(Extent::Rows), self.formed(Extent::Columns));
        let items = self.rule.counts_items(self.stage);
        let is_used = |name: &str| self.rule.uses_for(name, self.matrix());
        let over_all = match whole.is_empty() {
            true => TALLY_NO_WHOLE.to_owned(),
            false => {
                let order = if self.reads_rows() { TALLY_AT_ONCE } else { TALLY_TURNS };
                sum_struct(&whole, items) + &tallies(&whole, items, is_used) + TALLY + order
            }
        };
        if !self.kernel.kind.tiled {
            return over_all + TALLY_NO_TILE + ACROSS;
        }
        let division = &self.kernel.division;
        let numbers = constants([("ROW_SUMS", rows.len() as u32), ("COLUMN_SUMS", columns.len() as u32)]);
        let tile = if self.reads_rows() { TALLY_TILE_AT_ONCE } else { TALLY_TILE };
        over_all + &numbers + tile + ACROSS + &rows_functions(&rows, division) + &columns_functions(&columns, division)
    }
}

/// Which lane of its extent a state or kept sum of rows, columns or slices is.
pub(super) fn wide_lane(rule: &dyn AnyRule, step_kind: &StepKind, is_matrix: bool, name: &str, extent: Extent) -> Option<usize> {
    let keeps = Keeps { matrix: is_matrix, ..Keeps::default() };
    let lanes = step_kind.wide_lanes(rule, keeps).into_iter().filter(|lane| lane.extent == extent);
    lanes.map(|lane| lane.name).position(|known| known == name)
}

/// Where the numbers of a tile's rows begin in a lane of this number, or those of its columns.
fn line_place(lane: usize, extent: Extent) -> String {
    match extent {
        Extent::Rows => format!("shape.rows + {lane}u * shape.rows_stride + first_row"),
        _ => format!("shape.columns + {lane}u * shape.columns_stride + first_column"),
    }
}

/// Where those of its slice are.
fn slice_place(lane: usize) -> String {
    format!("shape.slices + {lane}u * shape.slices_stride + slice * shape.slice_parts")
}

/// What becomes of a sum of this name; none of a state.
pub(super) fn sum_form(rule: &dyn AnyRule, name: &str) -> Option<SumForm> {
    rule.sums().iter().find(|sum| sum.name == name).map(|sum| sum.form)
}

/// The sum over a slice, from the numbers at `at` that workgroups have added up.
pub(super) fn slice_sum(at: &str, form: Option<SumForm>) -> String {
    let function = if form == Some(SumForm::Largest) { "slice_largest" } else { "slice_total" };
    let total = format!("saturated(vec4f({function}({at}, shape.slice_parts))).x");
    if form == Some(SumForm::Mean) { format!("{total} / f32(shape.height)") } else { total }
}

/// `least_of_leading_axes`: of the numbers that a slice has in the axes before the last two, from the last of these to the first.
fn leading_axes() -> String {
    let axis = |size: &str| {
        format!(
            "    if shape.{size} != 0u {{\n        end -= shape.{size};\n        \
             least = smaller(least, vec4f(line_at(end + rest % shape.{size})));\n        rest /= shape.{size};\n    }}\n"
        )
    };
    let axes: String = Shape::SIZES.into_iter().map(axis).collect();
    format!(
        "fn least_of_leading_axes(shape: Shape, lane: u32, slice: u32) -> vec4f {{\n    var least = vec4f(3.4028234e38);\n    \
         var rest = slice;\n    var end = lane + shape.axis_rows;\n{axes}    return least;\n}}\n"
    )
}

/// A struct has at least one member.
pub(super) fn or_none(fields: Vec<Field>) -> Vec<Field> {
    if fields.is_empty() { vec![Field { name: "none", wgsl: "u32" }] } else { fields }
}

/// `load_line`, four numbers of a lane of rows, columns or slices, and `line_at`, one.
fn line_access(access: Access) -> String {
    let one = match access {
        Access::Scalar => "lines[at]",
        Access::Vector => "lines[at / 4u][at % 4u]",
        Access::Vector64 => "bitcast<f32>(u32(lines[at / 4u][at % 4u / 2u] >> (32u * (at % 2u))))",
        Access::Word | Access::Pair => "0.0",
    };
    load(access, "line", "lines") + &format!("fn line_at(at: u32) -> f32 {{\n    return {one};\n}}\n")
}
