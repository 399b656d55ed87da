//! Declarations made from layouts.

use super::shader::VERSION;
use super::{ORDER, scalars_at};
use crate::program::{FAN, ParamEntry, Row, Shape, Sum, SumTree};
use crate::rule::{AnyRule, Beta, Field, Layout as _};
use crate::step::{AssignmentWords, AverageWords, ClipWords, OptionWords, ParamSettings, Status, StepEntry};

const BETA: &str = include_str!("../../shaders/lib/beta.wgsl");
const SUMS: &str = include_str!("../../shaders/lib/sums.wgsl");
const TREE: &str = include_str!("../../shaders/lib/tree.wgsl");

/// A struct with these members.
pub(super) fn structure(name: &str, fields: &[Field]) -> String {
    let members: Vec<String> = fields.iter().map(|field| format!("{}: {}", field.name, field.wgsl)).collect();
    format!("struct {name} {{ {} }}\n", members.join(", "))
}

/// What a struct is made of, from words, `word(0)` being the first.
fn arguments(fields: &[Field], word: impl Fn(usize) -> String) -> String {
    let mut words = (0..).map(word);
    let mut next = |wgsl: &str| {
        let word = words.next().unwrap_or_default();
        if wgsl == "u32" { word } else { format!("bitcast<{wgsl}>({word})") }
    };
    let argument = |field: &Field| match field.words().len() {
        1 => next(field.wgsl),
        count => format!("{}({})", field.wgsl, (0..count).map(|_| next("f32")).collect::<Vec<_>>().join(", ")),
    };
    fields.iter().map(argument).collect::<Vec<_>>().join(", ")
}

/// How a struct is loaded.
pub(super) type Loader = fn(&str, &str, &[Field], &str) -> String;

/// `load_NAME`, from consecutive words of `array`.
pub(super) fn loader(function: &str, name: &str, fields: &[Field], array: &str) -> String {
    let words = arguments(fields, |index| format!("{array}[at + {index}u]"));
    format!("fn {function}(at: u32) -> {name} {{\n    return {name}({words});\n}}\n\n")
}

/// `load_NAME`, from consecutive words of an `array` of four in each element; `at` counts words, and is a multiple of four. Half the loads or fewer:
/// software adapters pay for each.
pub(super) fn loader_by_four(function: &str, name: &str, fields: &[Field], array: &str) -> String {
    let count = fields.iter().map(|field| field.words().len()).sum::<usize>();
    let loads: String = (0..count.div_ceil(4)).map(|k| format!("    let four{k} = {array}[at / 4u + {k}u];\n")).collect();
    let words = arguments(fields, |index| format!("four{}.{}", index / 4, ["x", "y", "z", "w"][index % 4]));
    format!("fn {function}(at: u32) -> {name} {{\n{loads}    return {name}({words});\n}}\n\n")
}

/// The host's table of parameters.
pub(super) fn entries() -> String {
    ParamSettings::WGSL.to_owned()
}

/// How each word of the hyper-parameters is set.
pub(super) fn assignments() -> String {
    structure("Assignment", AssignmentWords::FIELDS) + &constants([("CONSTANT", AssignmentWords::CONSTANT)])
}

/// What is summed, and the functions for it.
pub(super) fn sums() -> String {
    Sum::WGSL.to_owned() + SUMS
}

/// The tree of sums, from `tree` and `sums`, whose elements `joined` joins.
pub(super) fn tree() -> String {
    tree_header() + TREE
}

/// The names of the words that a tree of sums begins with.
pub(super) fn tree_header() -> String {
    let header = SumTree::HEADER.into_iter().zip(0..).chain([("TREE_HEADER", SumTree::HEADER.len() as u32), ("FAN", FAN as u32)]);
    constants(header)
}

/// `load_row`, from `rows`, an array of four words in each element: what the row has, together with its parameter's entry in the version of the table
/// that a step was recorded with.
pub(super) fn row() -> String {
    const MOVED: [&str; 4] = ["value", "gradient", "state", "copy"];
    let own = Row::FIELDS.iter().filter(|field| field.name != "param");
    let fields: Vec<Field> = ParamEntry::FIELDS.iter().chain(own.clone()).copied().collect();
    let of_entry = ParamEntry::FIELDS.iter().map(|Field { name, .. }| match MOVED.contains(name) {
        true => format!("entry.{name} + chunk.element"),
        false => format!("entry.{name}"),
    });
    let words: Vec<String> = of_entry.chain(own.map(|field| format!("chunk.{}", field.name))).collect();
    let constants = constants([("ROW_WORDS", Row::FIELDS.len() as u32)]);
    [
        VERSION.to_owned(),
        structure("Chunk", Row::FIELDS),
        ParamEntry::WGSL.to_owned(),
        structure("Row", &fields),
        loader_by_four("load_chunk", "Chunk", Row::FIELDS, "rows"),
        loader_by_four("load_param", "ParamEntry", ParamEntry::FIELDS, "rows"),
        constants,
        format!(
            "fn load_row(at: u32) -> Row {{\n    let chunk = load_chunk(at);\n    let entry = load_param(4u * (chunk.param + version.x));\n    \
             return Row({});\n}}\n\n",
            words.join(", ")
        ),
    ]
    .concat()
}

pub(super) fn status() -> String {
    Status::WGSL.to_owned()
}

/// The settings' structs, and where they are: the options, then the averages; clips are in the step record.
pub(super) fn settings(averages: usize) -> String {
    let (options, average, clip) = (OptionWords::<f32>::FIELDS, AverageWords::<f32>::FIELDS, ClipWords::<f32>::FIELDS);
    [
        structure("OptionWords", options),
        structure("AverageWords", average),
        structure("ClipWords", clip),
        loader("load_options", "OptionWords", options, "settings"),
        loader("load_average", "AverageWords", average, "settings"),
        loader("load_clip", "ClipWords", clip, "record"),
        format!(
            "const AVERAGES: u32 = {averages}u;\nconst AVERAGE_WORDS: u32 = {}u;\nconst AVERAGE_SIZE: u32 = {}u;\n",
            options.len(),
            average.len()
        ),
    ]
    .concat()
}

/// Names for numbers.
pub(crate) fn constants<'a>(names: impl IntoIterator<Item = (&'a str, u32)>) -> String {
    names.into_iter().map(|(name, number)| format!("const {name}: u32 = {number}u;\n")).collect()
}

/// Where the words of a parameter's entry in the step record are, by the names of [`StepEntry`] in capitals.
pub(super) fn entry(averages: usize) -> String {
    let fields = StepEntry::FIELDS;
    let own: Vec<(String, u32)> = fields.iter().zip(0..).map(|(field, at)| (field.name.to_ascii_uppercase(), at)).collect();
    let more = [
        ("WEIGHTS", fields.len() as u32),
        ("SCALARS", scalars_at(averages) as u32),
        ("SKIPPED", 2),
        ("INACTIVE_AND_SKIPPED", 3),
        ("NO_LIMIT", u32::MAX),
        ("VIEW", 0),
        ("ORDER", ORDER as u32),
        ("IN_ORDER", 0),
        // In the place of `used`, which nobody reads from one step to the next.
        ("SHOWN", fields.len() as u32 - 1),
    ];
    constants(own.iter().map(|(name, at)| (&**name, *at)).chain(more))
}

/// The weights of the averages in the step of a parameter, as members of its entry.
pub(super) const WEIGHTS: [&str; 3] = ["weight0", "weight1", "weight2"];

/// A parameter's entry in the step record, as a struct, from `record`, an array of four words in each element.
pub(super) fn step_entry(averages: usize) -> String {
    let weights = WEIGHTS.into_iter().map(|name| Field { name, wgsl: "f32" }).take(averages);
    let fields: Vec<Field> = StepEntry::FIELDS.iter().copied().chain(weights).collect();
    structure("StepEntry", &fields) + &loader_by_four("load_step_entry", "StepEntry", &fields, "record")
}

/// `Beta` and its functions, and the rule's structs `Hyper`, `Scalars` and `State`. WGSL has no empty struct, so one without members gets one that nobody reads.
pub(super) fn rule(rule: &dyn AnyRule, is_matrix: bool, loader: Loader) -> String {
    let scalars: Vec<Field> = rule.scalar_fields().iter().map(|&name| Field { name, wgsl: "f32" }).collect();
    let scalars = if scalars.is_empty() { vec![Field { name: "none", wgsl: "u32" }] } else { scalars };
    let state: Vec<Field> = rule.members().map(|(name, _)| Field { name, wgsl: "vec4f" }).collect();
    let whole: Vec<Field> = whole(rule);
    let sums = if whole.is_empty() { vec![Field { name: "none", wgsl: "u32" }] } else { whole };
    let structs =
        [structure("Hyper", rule.hyper_fields()), structure("Scalars", &scalars), structure("State", &state), structure("Sums", &sums)];
    let load_scalars = match rule.scalar_fields() {
        [] => "fn load_scalars(at: u32) -> Scalars {\n    return Scalars(0u);\n}\n\n".to_owned(),
        _ => loader("load_scalars", "Scalars", &scalars, "record"),
    };
    let uses = |(name, _)| format!("const USES_{name}: bool = {};\n", rule.uses_for(name, is_matrix));
    let uses: String = rule.members().map(uses).collect();
    structure("Beta", Beta::<f32>::FIELDS)
        + BETA
        + &structs.concat()
        + &uses
        + &loader("load_hyper", "Hyper", rule.hyper_fields(), "record")
        + &load_scalars
}

/// `hyper_parameters` and `clip_of`, from what the host assigns to each word.
pub(super) fn assigned_hyper(rule: &dyn AnyRule) -> String {
    let function = |name: &str, ty: &str, first: &str, fields: &[Field]| {
        let words = arguments(fields, |index| format!("assignments[entry.{first} + {index}u].offset"));
        format!("fn {name}(entry: ParamSettings) -> {ty} {{\n    return {ty}({words});\n}}\n")
    };
    function("hyper_parameters", "Hyper", "assigned", rule.hyper_fields())
        + &function("clip_of", "ClipWords", "clip_assigned", ClipWords::<f32>::FIELDS)
}

pub(super) fn store_scalars(rule: &dyn AnyRule) -> String {
    let word = |(index, name): (usize, &&str)| format!("    record[at + {index}u] = bitcast<u32>(s.{name});\n");
    let words: String = rule.scalar_fields().iter().enumerate().map(word).collect();
    format!("fn store_scalars(at: u32, s: Scalars) {{\n{words}}}\n")
}

/// A rule whose formula does not depend on the step count has no `prepare` of its own.
pub(super) fn default_prepare(rule: &dyn AnyRule) -> String {
    match rule.scalar_fields() {
        [] => "fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {\n    return Scalars(0u);\n}\n".to_owned(),
        _ => String::new(),
    }
}

/// The sums over the tensor, the group or all, as members of a struct.
pub(super) fn whole(rule: &dyn AnyRule) -> Vec<Field> {
    rule.sums().iter().filter(|sum| sum.extent.is_whole()).map(|sum| Field { name: sum.name, wgsl: "f32" }).collect()
}

/// Where a parameter's sums and its shape are in its entry, and how they are loaded from `record`, an array of words.
pub(super) fn places(rule: &dyn AnyRule, averages: usize) -> String {
    let whole = whole(rule);
    let load = if whole.is_empty() { String::new() } else { loader("load_whole", "Sums", &whole, "record") };
    constants([("SUMS", super::sums_at(rule, averages) as u32), ("SHAPE", super::shape_at(rule, averages) as u32)]) + &load
}

/// Where a parameter's sums and its shape are in its entry, and how they are loaded from `record`, an array of four words in each element.
pub(super) fn wide_entry(rule: &dyn AnyRule, averages: usize) -> String {
    let (sums, shape) = (super::sums_at(rule, averages), super::shape_at(rule, averages));
    let whole = whole(rule);
    let load = if whole.is_empty() { String::new() } else { loader_by_four("load_whole", "Sums", &whole, "record") };
    constants([("SUMS", sums as u32), ("SHAPE", shape as u32)])
        + &load
        + Shape::WGSL
        + &loader_by_four("load_shape", "Shape", Shape::FIELDS, "record")
}
