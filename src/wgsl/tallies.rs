//! How what stages add up is put together, or what they find the largest: the parts that invocations have, by rows, by columns and over all.

use super::structs::{constants, structure};
use crate::program::{Division, VECTORS};
use crate::rule::{Field, SumField};

const TALLY_ROWS: &str = include_str!("../../shaders/step/tally_rows.wgsl");
const TALLY_ROW: &str = include_str!("../../shaders/step/tally_row.wgsl");
const TALLY_ROWS_AT_ONCE: &str = include_str!("../../shaders/step/tally_rows_at_once.wgsl");
pub(super) const TALLY_NO_ROWS: &str = include_str!("../../shaders/step/tally_no_rows.wgsl");
const TALLY_NO_ROWS_AT_ONCE: &str = include_str!("../../shaders/step/tally_no_rows_at_once.wgsl");
const TALLY_COLUMNS: &str = include_str!("../../shaders/step/tally_columns.wgsl");
const TALLY_COLUMNS_TURNS: &str = include_str!("../../shaders/step/tally_columns_turns.wgsl");
const TALLY_COLUMNS_AT_ONCE: &str = include_str!("../../shaders/step/tally_columns_at_once.wgsl");
/// What ends turns over the rows of four columns where nothing is added up over columns.
pub(super) const NO_TURNS: &str = include_str!("../../shaders/step/no_turns.wgsl");
const TALLY_NO_COLUMNS: &str = include_str!("../../shaders/step/tally_no_columns.wgsl");

/// `add_to_row`, `band_height` and `end_band`; or `RowTallies`, `added_to_row`, `keep_row` and `finish_rows` where whole rows are gone through.
pub(super) fn rows_functions(rows: &[&SumField], division: &Division) -> String {
    let reads_rows = division.reads_rows();
    if rows.is_empty() {
        return (if reads_rows { TALLY_NO_ROWS_AT_ONCE } else { TALLY_NO_ROWS }).into();
    }
    let (add, finish) = if reads_rows { (by_rows(rows), TALLY_ROWS_AT_ONCE) } else { (by_vectors(rows), TALLY_ROWS) };
    let vectors = constants([("VECTORS", VECTORS as u32 / rows.len() as u32)]);
    vectors + &add + &both_of("both_of_rows", "f32", rows) + finish + TALLY_ROW
}

/// `add_to_row`: each vector of a row leaves a number of each sum.
fn by_vectors(rows: &[&SumField]) -> String {
    let to_row = |(index, sum): (usize, &&SumField)| {
        format!("    row_parts[{index}u * VECTORS + n] = {}(within(state.{}, left));\n", across(sum), sum.name)
    };
    let to_rows: String = rows.iter().enumerate().map(to_row).collect();
    format!("fn add_to_row(n: u32, state: State, left: u32) {{\n{to_rows}}}\n")
}

/// `RowTallies`, `added_to_row` and `keep_row`: each invocation leaves a number of each sum, when it is through with its part of a row.
fn by_rows(rows: &[&SumField]) -> String {
    let added: Vec<String> =
        rows.iter().map(|sum| both(sum, &format!("t.{}", sum.name), &format!("within(state.{}, left)", sum.name))).collect();
    let kept = |(index, sum): (usize, &&SumField)| format!("    row_parts[{index}u * VECTORS + n] = {}(t.{});\n", across(sum), sum.name);
    let kept: String = rows.iter().enumerate().map(kept).collect();
    vectors("RowTallies", None, rows)
        + &format!(
            "fn added_to_row(t: RowTallies, state: State, left: u32) -> RowTallies {{\n    return RowTallies({});\n}}\n\
             fn keep_row(n: u32, t: RowTallies) {{\n{kept}}}\n",
            added.join(", ")
        )
}

/// `NAME`, which adds up two numbers of a sum, or finds the larger magnitude, by the sum's number.
pub(super) fn both_of(name: &str, wgsl: &str, sums: &[&SumField]) -> String {
    let is_largest: Vec<String> =
        sums.iter().zip(0_u32..).filter(|(sum, _)| sum.form.is_largest()).map(|(_, at)| format!("sum == {at}u")).collect();
    let added = "return a + b;";
    let larger = if wgsl == "f32" { "return larger_magnitude(vec4f(a), vec4f(b)).x;" } else { "return larger_magnitude(a, b);" };
    let body = match is_largest.len() {
        0 => format!("    {added}\n"),
        count if count == sums.len() => format!("    {larger}\n"),
        _ => format!("    if {} {{\n        {larger}\n    }}\n    {added}\n", is_largest.join(" || ")),
    };
    format!("fn {name}(sum: u32, a: {wgsl}, b: {wgsl}) -> {wgsl} {{\n{body}}}\n")
}

/// The function that makes one number of the four of a vector.
fn across(sum: &SumField) -> &'static str {
    if sum.form.is_largest() { "largest_across" } else { "across" }
}

/// Two vectors of a sum, put together.
fn both(sum: &SumField, a: &str, b: &str) -> String {
    if sum.form.is_largest() { format!("larger_magnitude({a}, {b})") } else { format!("{a} + {b}") }
}

/// How many elements were added up, where a mean needs it: of active parameters.
const ITEMS: &str = "items";

/// A sum of these, one number each, and how two are joined.
pub(super) fn sum_struct(whole: &[&SumField], items: bool) -> String {
    let names = whole.iter().map(|sum| sum.name).chain(items.then_some(ITEMS));
    let fields: Vec<Field> = names.map(|name| Field { name, wgsl: "f32" }).collect();
    let joined = |sum: &&SumField| {
        let [a, b] = ["a", "b"].map(|from| format!("{from}.{}", sum.name));
        if sum.form.is_largest() { format!("larger_magnitude(vec4f({a}), vec4f({b})).x") } else { format!("{a} + {b}") }
    };
    let members: Vec<String> = whole.iter().map(joined).chain(items.then(|| format!("a.{ITEMS} + b.{ITEMS}"))).collect();
    structure("Sum", &fields) + &format!("fn joined(a: Sum, b: Sum) -> Sum {{\n    return Sum({});\n}}\n", members.join(", "))
}

/// A struct of a vector each, and how two are added, where they are.
fn vectors(name: &str, add: Option<&str>, sums: &[&SumField]) -> String {
    let fields: Vec<Field> = sums.iter().map(|sum| Field { name: sum.name, wgsl: "vec4f" }).collect();
    let members: Vec<String> = sums.iter().map(|sum| both(sum, &format!("a.{}", sum.name), &format!("b.{}", sum.name))).collect();
    let function = |add: &str| format!("fn {add}(a: {name}, b: {name}) -> {name} {{\n    return {name}({});\n}}\n", members.join(", "));
    structure(name, &fields) + &add.map(function).unwrap_or_default()
}

/// `Tallies`, `tallies`, `added` and `across_all`: these sums in vectors, with what a state adds to those that are in use, and as one number each.
pub(super) fn tallies(sums: &[&SumField], items: bool, is_used: impl Fn(&str) -> bool) -> String {
    let added = |sum: &&SumField| {
        let own = format!("t.{}", sum.name);
        if is_used(sum.name) { both(sum, &own, &format!("within(state.{}, left)", sum.name)) } else { own }
    };
    let added: Vec<String> = sums.iter().map(added).collect();
    let across = sums.iter().map(|sum| format!("{}(t.{})", across(sum), sum.name));
    let across: Vec<String> = across.chain(items.then(|| "0.0".to_owned())).collect();
    vectors("Tallies", Some("tallies"), sums)
        + &format!(
            "fn added(t: Tallies, state: State, left: u32) -> Tallies {{\n    return Tallies({});\n}}\n\
             fn across_all(t: Tallies) -> Sum {{\n    return Sum({});\n}}\n",
            added.join(", "),
            across.join(", ")
        )
}

/// `add_to_columns` and `finish_columns`; `end_turns` and `end_column`, or `keep_columns` where whole rows are gone through.
pub(super) fn columns_functions(columns: &[&SumField], division: &Division) -> String {
    let ends = if division.reads_rows() { "" } else { NO_TURNS };
    if columns.is_empty() {
        return TALLY_NO_COLUMNS.to_owned() + ends;
    }
    let added = |sum: &&SumField| both(sum, &format!("column_part.{}", sum.name), &format!("state.{}", sum.name));
    let added: Vec<String> = columns.iter().map(added).collect();
    let each = |form: &dyn Fn(usize, &str) -> String| columns.iter().enumerate().map(|(at, sum)| form(at, sum.name)).collect::<String>();
    let store = each(&|at, name| format!("    store_columns(row, {at}u, v, column_total.{name});\n"));
    let finish = each(&|at, name| format!("    finish_column(row, {at}u, column_total.{name}, invocation);\n"));
    // So many vectors of a row are an invocation's own.
    let fours = constants([("FOURS", (division.tile_width as u32 / 4).div_ceil(division.invocations))]);
    let order = if division.reads_rows() { fours + TALLY_COLUMNS_AT_ONCE } else { TALLY_COLUMNS_TURNS.to_owned() };
    vectors("ColumnTallies", Some("column_tallies"), columns)
        + &both_of("both_of_columns", "vec4f", columns)
        + &format!(
            "fn add_to_columns(state: State) {{\n    column_part = ColumnTallies({});\n}}\n\
             fn store_all_columns(row: Row, v: u32) {{\n{store}}}\n\
             fn finish_all_columns(row: Row, invocation: u32) {{\n{finish}}}\n",
            added.join(", ")
        )
        + TALLY_COLUMNS
        + &order
}
