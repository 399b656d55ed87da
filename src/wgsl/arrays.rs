//! How kernels reach the caller's arrays. A row says which pair of arrays has its elements, the same for all invocations of a workgroup.
//!
//! Where a branch that nobody takes costs nothing, each load and store switches over the pairs. Elsewhere the functions that touch arrays are there once
//! for each pair, and the switch is outside their loops: llvmpipe goes through all cases, with nothing in most of them.

use std::borrow::Cow;

use super::halves::{self, decoded, encoded};
use super::lanes::add;
use super::numbered::numbered;
use super::{Declaration, Resource, accessor, array, element, load, store};
use crate::program::{Array, Kernel, Kind, NOT_LISTED, Pair};
use crate::storage::BF16;

/// A function that touches arrays, as the rest of a kernel calls it.
pub(super) struct Entry<'a> {
    pub(super) name: &'static str,
    /// Name and type of each parameter; the first is `row`.
    pub(super) parameters: &'a [(&'static str, &'static str)],
    pub(super) result: Option<&'static str>,
}

/// A function over the arrays of one role: its name, parameters, result, and the accessor that it calls.
struct Accessor {
    name: &'static str,
    parameters: &'static str,
    result: Option<&'static str>,
    array: fn(&Pair) -> Option<usize>,
    call: fn(&Kind, usize) -> String,
}

const LOAD_VALUE: Accessor = Accessor {
    name: "load_value",
    parameters: "row: Row, i: u32, left: u32",
    result: Some("vec4f"),
    array: |pair| Some(pair.values),
    call: |kind, array| decoded(kind.values, array, "row.value + i"),
};
/// Beside gradients of a list's rows, which lie elsewhere.
const LOAD_VALUE_LISTED: Accessor =
    Accessor { call: |kind, array| decoded(kind.values, array, "row.value + in_table(row, i)"), ..LOAD_VALUE };
/// As an update does, rounded as the parameter asks for.
const STORE_VALUE: Accessor = Accessor {
    name: "store_value",
    parameters: "row: Row, i: u32, left: u32, x: vec4f, old: vec4f",
    result: None,
    array: |pair| Some(pair.values),
    call: |kind, array| encoded(kind.values, array, ("row.value + i", "x"), "row.salt, value_step, row.element + i"),
};
/// Rounded to the nearest.
const STORE_SHOWN: Accessor =
    Accessor { call: |kind, array| encoded(kind.values, array, ("row.value + i", "x"), "0u, 0u, 0u"), ..STORE_VALUE };
const LOAD_GRADIENT: Accessor = Accessor {
    name: "load_gradient",
    parameters: "row: Row, i: u32, left: u32",
    result: Some("vec4f"),
    array: |pair| Some(pair.gradients),
    call: |kind, array| decoded(kind.gradients, array, "row.gradient + i"),
};
const CLEAR_GRADIENT: Accessor = Accessor {
    name: "clear_gradient",
    parameters: "row: Row, i: u32, left: u32, old: vec4f",
    result: None,
    array: |pair| Some(pair.gradients),
    call: |kind, array| encoded(kind.gradients, array, ("row.gradient + i", "kept(old, vec4f(0.0))"), "0u, 0u, 0u"),
};
/// Of a row-sparse gradient, whose rows lie elsewhere than those of the values.
const LOAD_LISTED: Accessor = Accessor { call: |kind, array| decoded(kind.gradients, array, "row.gradient + in_list"), ..LOAD_GRADIENT };
const LOAD_SCALE: Accessor = Accessor {
    name: "load_scale",
    parameters: "row: Row, at: u32",
    result: Some("f32"),
    array: |pair| pair.scales,
    call: |_, array| format!("array{array}[at]"),
};

const LOAD_MASK: Accessor = Accessor {
    name: "load_mask",
    parameters: "row: Row, at: u32",
    result: Some("u32"),
    array: |pair| pair.mask,
    call: |_, array| format!("array{array}[at]"),
};

/// How many places the array of a list has.
const LIST_LENGTH: Accessor =
    Accessor { name: "list_length", parameters: "row: Row", call: |_, array| format!("arrayLength(&array{array})"), ..LOAD_MASK };

/// What is wanted of four numbers that a step has made of the elements from `i` on.
const STORE_COPY: Accessor = Accessor {
    name: "store_copy_at",
    parameters: "row: Row, i: u32, x: vec4u, wanted: vec4<bool>",
    result: None,
    array: |pair| pair.copy,
    call: |_, array| format!("store_array{array}(row.copy + i, x, wanted)"),
};

const MASKED: &str = include_str!("../../shaders/step/masked.wgsl");
const UNMASKED: &str = include_str!("../../shaders/step/unmasked.wgsl");
pub(super) const STORE_COPY_HALVES: &str = include_str!("../../shaders/storage/store_copy.wgsl");
pub(super) const STORE_COPY_SHARED: &str = include_str!("../../shaders/storage/store_copy_shared.wgsl");
const LOOK: &str = include_str!("../../shaders/step/look.wgsl");
const IN_TABLE: &str = include_str!("../../shaders/step/in_table.wgsl");
const LOOK_UNLISTED: &str = include_str!("../../shaders/step/look_unlisted.wgsl");

/// What a kernel does with the caller's arrays.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Uses {
    pub(super) loads_values: bool,
    pub(super) stores_values: bool,
    /// Whether these are the ones of another view, and not those of a step.
    pub(super) shows: bool,
    pub(super) loads_gradients: bool,
    pub(super) clears_gradients: bool,
    pub(super) loads_scales: bool,
    /// Whether it works on the rows that a list does not have.
    pub(super) unlisted: bool,
    pub(super) stores_copies: bool,
    /// Whether arrays are bound as an update binds them, written as a buffer's others are, or only as they are used.
    pub(super) updates: bool,
}

impl Uses {
    fn of(&self, array: &Array) -> bool {
        let values = array.values && (self.loads_values || self.stores_values);
        let gradients = array.gradients && (self.loads_gradients || self.clears_gradients);
        let copies = array.copies && self.stores_copies;
        values || gradients || copies || (array.scales && self.loads_scales) || (array.masks && self.looks())
    }

    /// Whether row masks are looked at: wherever gradients are. And lists, for the rows that they do not have.
    fn looks(&self) -> bool {
        self.loads_gradients || self.unlisted
    }

    fn written(&self, array: &Array) -> bool {
        let own = (array.values && self.stores_values) || (array.gradients && self.clears_gradients) || array.copies;
        own || (self.updates && array.written)
    }

    /// The arrays that are bound.
    pub(super) fn bindings(&self, kernel: &Kernel) -> Vec<Declaration> {
        let used = kernel.arrays.iter().enumerate().filter(|(_, array)| self.of(array));
        let declared = |(index, own): (usize, &Array)| {
            let written = self.written(own);
            array(Resource::Array(index), format!("array{index}"), element_of(own, &kernel.kind, written), written)
        };
        used.map(declared).collect()
    }

    /// The accessors of each array.
    fn accessors(&self, kernel: &Kernel) -> String {
        let of = |(index, own): (usize, &Array)| {
            let name = format!("array{index}");
            if own.copies {
                return accessor(if kernel.kind.uneven { STORE_COPY_SHARED } else { STORE_COPY_HALVES }, &name, &name);
            }
            if own.halves {
                return halves::access(own, &kernel.kind, self.written(own), &name);
            }
            let load = if own.scales || own.masks { String::new() } else { load(own.access, &name, &name) };
            if self.written(own) { load + &store(own.access, &name, &name) } else { load }
        };
        let step =
            if self.notes_step(&kernel.kind) { "// The number of the step, of a parameter.\nvar<private> value_step: u32;\n" } else { "" };
        kernel.arrays.iter().enumerate().filter(|(_, array)| self.of(array)).map(of).chain([step.to_owned()]).collect()
    }

    /// Whether something goes by the number of the step: how values are rounded, and whether master values are there yet.
    pub(super) fn notes_step(&self, kind: &Kind) -> bool {
        let rounds = self.stores_values && kind.values.packed().is_some();
        !self.shows && (rounds || (self.loads_values && kind.mastered))
    }

    /// The text of the formats that the caller's arrays are in, in parts.
    pub(super) fn formats(&self, kind: &Kind) -> Vec<Cow<'static, str>> {
        let mut parts: Vec<Cow<'static, str>> = if self.stores_copies { vec![BF16.into()] } else { Vec::new() };
        let values = (self.loads_values || self.stores_values).then_some(kind.values);
        let gradients = (self.loads_gradients || self.clears_gradients).then_some(kind.gradients);
        let packed = values.into_iter().chain(gradients).filter_map(|format| format.packed());
        packed.for_each(|packed| add(&mut parts, packed));
        parts
    }

    /// Whether values are measured beside gradients of a list's rows.
    fn measures_list(&self, kind: &Kind) -> bool {
        kind.listed && self.loads_values && self.loads_gradients && !self.stores_values
    }

    /// The functions over these pairs.
    fn functions(&self, kind: &Kind, pairs: &[(usize, Pair)]) -> String {
        let all = [
            (self.loads_values, if self.measures_list(kind) { LOAD_VALUE_LISTED } else { LOAD_VALUE }),
            (self.stores_values, if self.shows { STORE_SHOWN } else { STORE_VALUE }),
            (self.loads_gradients, if kind.listed && self.stores_values { LOAD_LISTED } else { LOAD_GRADIENT }),
            (self.clears_gradients, CLEAR_GRADIENT),
            (self.loads_scales, LOAD_SCALE),
            (self.stores_copies, STORE_COPY),
            (self.looks() && pairs.iter().any(|(_, pair)| pair.mask.is_some()), LOAD_MASK),
            (self.unlisted, LIST_LENGTH),
        ];
        let mut text: String = all.into_iter().filter(|(used, _)| *used).map(|(_, accessor)| accessor.over(kind, pairs)).collect();
        if self.loads_gradients && !self.clears_gradients {
            text += "fn clear_gradient(row: Row, i: u32, left: u32, old: vec4f) {\n}\n";
        }
        text
    }

    /// The arrays' accessors and `text`, whose functions call them.
    pub(super) fn body(&self, kernel: &Kernel, text: &str, entries: &[Entry<'_>]) -> String {
        let pairs: Vec<(usize, Pair)> = kernel.pairs.iter().copied().enumerate().collect();
        let masked = (kernel.kind.masked && self.looks()) || self.unlisted;
        let look = if self.unlisted { LOOK_UNLISTED } else { LOOK };
        let in_table = if self.measures_list(&kernel.kind) { IN_TABLE } else { "" };
        let text = text.to_owned() + if masked { look } else { "" } + in_table;
        let whole_rows = format!("const WHOLE_ROWS: bool = {};\n", kernel.kind.whole_rows);
        let hidden = format!("const HIDDEN: u32 = {}u;\n", if kernel.kind.listed { NOT_LISTED } else { 0 });
        let in_list = match kernel.kind.listed {
            true if self.unlisted => "// Where the list has the first row of a part, or one after it.\nvar<private> list_begin: u32;\n",
            true => "var<private> in_list: u32;\n",
            false => "",
        };
        let accessors = self.accessors(kernel) + in_list + &hidden + &if masked { whole_rows + MASKED } else { UNMASKED.to_owned() };
        if kernel.division.skips_branches || pairs.len() == 1 {
            return accessors + &self.functions(&kernel.kind, &pairs) + &text;
        }
        let copies: String = pairs.iter().map(|pair| numbered(&(self.functions(&kernel.kind, &[*pair]) + &text), pair.0)).collect();
        let switches: String = entries.iter().map(|entry| entry.switch(pairs.len())).collect();
        accessors + &copies + &switches
    }
}

/// The element type of an array.
fn element_of(array: &Array, kind: &Kind, written: bool) -> &'static str {
    match array {
        Array { copies: true, .. } if kind.uneven => "atomic<u32>",
        Array { halves: true, .. } => halves::element(array, kind, written),
        Array { masks: true, .. } | Array { copies: true, .. } => "u32",
        _ => element(array.access),
    }
}

impl Accessor {
    fn over(&self, kind: &Kind, pairs: &[(usize, Pair)]) -> String {
        let Accessor { name, parameters, result, array, call } = self;
        let mut arrays: Vec<usize> = pairs.iter().filter_map(|(_, pair)| array(pair)).collect();
        arrays.sort_unstable();
        arrays.dedup();
        let of_array =
            |wanted: usize| pairs.iter().filter(move |(_, pair)| array(pair) == Some(wanted)).map(|&(number, _)| number).collect();
        let cases: Vec<(Vec<usize>, String)> = arrays.iter().map(|&wanted| (of_array(wanted), call(kind, wanted))).collect();
        function(name, parameters, *result, &cases)
    }
}

impl Entry<'_> {
    /// The function of this name, which calls the copy for the row's pair.
    fn switch(&self, pairs: usize) -> String {
        let parameters: Vec<String> = self.parameters.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
        let arguments: Vec<&str> = self.parameters.iter().map(|(name, _)| *name).collect();
        let call = |pair: usize| (vec![pair], format!("{}_{pair}({})", self.name, arguments.join(", ")));
        function(self.name, &parameters.join(", "), self.result, &(0..pairs).map(call).collect::<Vec<_>>())
    }
}

/// A function that is one of these calls, by the row's pair.
fn function(name: &str, parameters: &str, result: Option<&str>, cases: &[(Vec<usize>, String)]) -> String {
    let (arrow, keyword) = result.map_or((String::new(), ""), |result| (format!(" -> {result}"), "return "));
    let head = format!("fn {name}({parameters}){arrow} {{\n");
    let (Some((_, last)), Some(others)) = (cases.last(), cases.get(..cases.len().saturating_sub(1))) else { return head + "}\n" };
    if others.is_empty() {
        return format!("{head}    {keyword}{last};\n}}\n");
    }
    let case = |(pairs, call): &(Vec<usize>, String)| {
        let pairs: Vec<String> = pairs.iter().map(|pair| format!("{pair}u")).collect();
        format!("        case {}: {{\n            {keyword}{call};\n        }}\n", pairs.join(", "))
    };
    let others: String = others.iter().map(case).collect();
    format!("{head}    switch row.pair {{\n{others}        default: {{\n            {keyword}{last};\n        }}\n    }}\n}}\n")
}
