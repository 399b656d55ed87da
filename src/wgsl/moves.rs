//! The kernels that move rows, of several tensors at once: which rows is read once for all of them.

use super::{Declaration, Resource, Shader, array, shader, structs};
use crate::program::{Access, Division, MOVED, MoveTask, MovedAtOnce, NEW, NewRows};

const ROWS_CHANGED: &str = include_str!("../../shaders/rows_changed.wgsl");
const ROWS_CHANGED_ONE: &str = include_str!("../../shaders/rows_changed_one.wgsl");
const ROWS_CHANGED_FOUR: &str = include_str!("../../shaders/rows_changed_four.wgsl");

/// What a kernel moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What an invocation moves at once.
    pub by: MovedAtOnce,
    /// What new rows are, for each tensor.
    pub new_rows: Vec<NewRows>,
    /// Parts of each tensor before that are bound.
    pub parts: usize,
    /// Whether these are all there are.
    pub is_all: bool,
}

/// The kernel that moves the rows of some tensors to their new places.
pub fn rows_changed(division: Division, moved: &Moved) -> Shader {
    let Moved { by, new_rows, parts, .. } = moved;
    let vector = if division.vectors == Access::Vector64 { "vec2<u64>" } else { "vec4u" };
    let element = |words: u32| if words == 4 { vector } else { "u32" };
    let [before, after] = [by.source(), by.target()].map(element);
    let mut bindings = vec![
        Declaration { slot: Resource::Task, name: "tasks".into(), ty: "array<MoveTask>".into(), written: false },
        array(Resource::RowsBefore, "rows_before", "u32", false),
    ];
    for tensor in 0..new_rows.len() {
        let part = |part: usize| array(Resource::Before(tensor, part), format!("before{tensor}_{part}"), before, false);
        bindings.extend((0..*parts).map(part));
        bindings.push(array(Resource::After(tensor), format!("after{tensor}"), after, true));
    }
    if new_rows.contains(&NewRows::Values) {
        bindings.push(array(Resource::Values, "values", before, false));
    }
    let tasks = new_rows.len() * parts;
    let members: String = (0..tasks).map(|task| format!("task{task}: MoveTask, ")).collect();
    let loads: Vec<String> = (0..tasks).map(|task| format!("tasks[{task}u]")).collect();
    let tasks = format!("struct Tasks {{ {members}}}\nfn load_tasks() -> Tasks {{\n    return Tasks({});\n}}\n", loads.join(", "));
    let four = *by == MovedAtOnce::FourWords;
    let ty = if four { "vec4u" } else { "u32" };
    let calls: String = (0..new_rows.len()).map(|tensor| format!("    move{tensor}(all, i, index, column);\n")).collect();
    let all = format!("fn move_all(all: Tasks, i: u32, index: {ty}, column: {ty}) {{\n{calls}}}\n");
    let moves: String = (0..new_rows.len()).map(|tensor| moves(moved, tensor, before)).collect();
    let packs = if four { packs(division.vectors) } else { "" };
    let numbers = [("INVOCATIONS", division.invocations), ("MOVED", MOVED), ("AT_ONCE", by.elements()), ("NEW", NEW)];
    let visit = if four { ROWS_CHANGED_FOUR } else { ROWS_CHANGED_ONE };
    shader(bindings, &[MoveTask::WGSL, &structs::constants(numbers), &tasks, &all, &moves, packs, ROWS_CHANGED, visit], "")
}

/// Four words as an element of the tensor, and back.
fn packs(access: Access) -> &'static str {
    match access {
        Access::Vector64 => {
            "fn pack(x: vec4u) -> vec2<u64> {\n    return vec2<u64>(u64(x.x) | (u64(x.y) << 32u), u64(x.z) | (u64(x.w) << 32u));\n}\n\
             fn unpack(x: vec2<u64>) -> vec4u {\n    return vec4u(u32(x.x), u32(x.x >> 32u), u32(x.y), u32(x.y >> 32u));\n}\n"
        }
        _ => "fn pack(x: vec4u) -> vec4u {\n    return x;\n}\nfn unpack(x: vec4u) -> vec4u {\n    return x;\n}\n",
    }
}

/// `moveN`, which moves what an invocation has of one tensor.
fn moves(moved: &Moved, tensor: usize, element: &str) -> String {
    let first = tensor * moved.parts;
    let (ty, begin) = match moved.by {
        MovedAtOnce::FourWords => ("vec4u", "vec4u("),
        _ => ("u32", "("),
    };
    let mut text = format!(
        "fn move{tensor}(all: Tasks, i: u32, index: {ty}, column: {ty}) {{\n    let own = all.task{first};\n    let row = index & {begin}own.bits);\n    \
         let is_known = row < {begin}own.rows);\n    let source = row * own.width + column;\n"
    );
    text += &if moved.by == MovedAtOnce::FourWords { four(moved, tensor) } else { one(moved, tensor, element) };
    text + "}\n"
}

/// The part of the text for an element, which is of one row.
fn one(moved: &Moved, tensor: usize, element: &str) -> String {
    let Moved { new_rows, parts, is_all, .. } = moved;
    let first = tensor * parts;
    let store = |x: &str| format!("after{tensor}[own.at + i] = {x};");
    if *is_all {
        // Known rows lie in one of the parts. Loads without a branch: a software adapter goes through all of them, and skips loads outside of what is bound.
        let (declared, x) = chosen(first, *parts, |part, task, at| format!("before{tensor}_{part}[{task}.source_at + {at}]"), "u32");
        if new_rows[tensor] == NewRows::Zero {
            return format!("{declared}    {}\n", store(&format!("select({element}(), {x}, is_known)")));
        }
        let new = new_row(new_rows[tensor], element, store);
        return format!("    if is_known {{\n    {declared}        {}\n    }}\n{new}", store(&x));
    }
    let part = |part: usize| {
        let (task, before) = (format!("all.task{}", first + part), format!("before{tensor}_{part}"));
        let store = store(&format!("{before}[{task}.source_at + at{part}]"));
        // Before the part begins, the difference wraps.
        format!(
            "    let at{part} = source - {task}.source_first;\n    if is_known & (at{part} < {task}.source_count) {{\n        {store}\n    }}\n"
        )
    };
    (0..*parts).map(part).collect::<String>() + &new_row(new_rows[tensor], element, store)
}

/// Of all parts before, what is loaded of the one that it lies in: what is declared for it, and its text.
fn chosen(first: usize, parts: usize, load: impl Fn(usize, &str, &str) -> String, ty: &str) -> (String, String) {
    if parts == 1 {
        return (String::new(), load(0, "own", "source"));
    }
    let mut text = String::new();
    for part in 0..parts {
        let task = format!("all.task{}", first + part);
        // Before the part begins, the difference wraps.
        text += &format!("    let at{part} = source - {task}.source_first;\n");
        let load = load(part, &task, &format!("at{part}"));
        text += &match part {
            0 => format!("    var x0 = {load};\n"),
            _ => format!("    x0 = select(x0, {load}, at{part} < {ty}({task}.source_count));\n"),
        };
    }
    (text, "x0".to_owned())
}

/// What an element of a new row gets.
fn new_row(new_rows: NewRows, element: &str, store: impl Fn(&str) -> String) -> String {
    let new = match new_rows {
        NewRows::Written => return String::new(),
        NewRows::Values => "values[own.values_at + i]".to_owned(),
        NewRows::Zero => format!("{element}()"),
    };
    format!("    if !is_known {{\n        {}\n    }}\n", store(&new))
}

/// The part of the text for four words, each of a row of its own.
fn four(moved: &Moved, tensor: usize) -> String {
    let Moved { new_rows, parts, is_all, .. } = moved;
    let first = tensor * parts;
    let load = |before: &str, task: &str, at: &str| {
        let word = |word: &str| format!("{before}[{task}.source_at + {at}.{word}]");
        format!("vec4u({})", ["x", "y", "z", "w"].map(word).join(", "))
    };
    let mut text = String::new();
    if *is_all {
        let (declared, x) = chosen(first, *parts, |part, task, at| load(&format!("before{tensor}_{part}"), task, at), "vec4u");
        text += &format!("{declared}    var x = select(vec4u(), {x}, is_known);\n");
    } else {
        text += "    var x = vec4u();\n    var is_bound = vec4<bool>();\n";
        for part in 0..*parts {
            let (task, before) = (format!("all.task{}", first + part), format!("before{tensor}_{part}"));
            let load = load(&before, &task, &format!("at{part}"));
            text += &format!(
                "    let at{part} = source - {task}.source_first;\n    let is_in{part} = is_known & (at{part} < vec4u({task}.source_count));\n    \
                 if any(is_in{part}) {{\n        x = select(x, {load}, is_in{part});\n        is_bound |= is_in{part};\n    }}\n"
            );
        }
    }
    if new_rows[tensor] == NewRows::Values {
        let values = ["own.values_at + 4u * i", "1u", "2u", "3u"];
        let value = |word: usize| if word == 0 { values[0].to_owned() } else { format!("{} + {}", values[0], values[word]) };
        let all: Vec<String> = (0..4).map(|word| format!("values[{}]", value(word))).collect();
        text += &format!("    if any(!is_known) {{\n        x = select(vec4u({}), x, is_known);\n    }}\n", all.join(", "));
    }
    let stays = match (new_rows[tensor], is_all) {
        (NewRows::Written, true) => Some("!is_known"),
        (NewRows::Written, false) => Some("!is_bound"),
        (_, false) => Some("is_known & !is_bound"),
        (_, true) => None,
    };
    if let Some(stays) = stays {
        let old = format!("unpack(after{tensor}[own.at + i])");
        text += &format!("    let stays = {stays};\n    if any(stays) {{\n        x = select(x, {old}, stays);\n    }}\n");
    }
    text + &format!("    after{tensor}[own.at + i] = pack(x);\n")
}
