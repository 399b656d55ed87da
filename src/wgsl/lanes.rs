//! How kernels reach the lanes of the state, of which some have fewer bits for a number than f32.

use std::borrow::Cow;

use super::{Access, Declaration, Resource, accessor, array, element};
use crate::program::Kernel;
use crate::rule::AnyRule;
use crate::step::{ACCUMULATED, ASIDE, Lane, LaneRole, StepKind};
use crate::storage::{BLOCK, Packed, Rounding};

const LANES: &str = include_str!("../../shaders/storage/lanes.wgsl");
const HALVES_WORD: &str = include_str!("../../shaders/storage/halves_word.wgsl");
const HALVES_PAIR: &str = include_str!("../../shaders/storage/halves_pair.wgsl");
const BYTES: &str = include_str!("../../shaders/storage/bytes.wgsl");
const SALT: &str = include_str!("../../shaders/storage/salt.wgsl");
const HALVES_OF_ELEMENTS: &str = include_str!("../../shaders/storage/load_halves_word.wgsl");
const WORDS_READ: &str = include_str!("../../shaders/access/words_read.wgsl");
const SCALES: &str = include_str!("../../shaders/storage/scales.wgsl");
const SHARED_SCALES: &str = include_str!("../../shaders/storage/shared_scales.wgsl");

/// The lanes that a rule has in kernels of this kind.
pub(super) struct Lanes<'a> {
    kernel: &'a Kernel,
    lanes: Vec<Lane>,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(rule: &dyn AnyRule, kernel: &'a Kernel, step_kind: &StepKind) -> Self {
        Lanes { kernel, lanes: step_kind.lanes_in_pages(rule, kernel.kind.keeps()) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// The binding of the state, if any is kept.
    pub(super) fn bindings(&self) -> Vec<Declaration> {
        (!self.is_empty()).then(|| states(self.kernel, true)).into_iter().collect()
    }

    /// How a lane packs numbers, if it does.
    fn packed(&self, lane: usize) -> Option<&'static dyn Packed> {
        self.lanes[lane].format.packed()
    }

    /// Whether blocks of a lane have scales.
    pub(super) fn has_scales(&self, lane: usize) -> bool {
        self.lanes[lane].format.has_scales()
    }

    /// The word of a packed lane.
    fn place(&self, lane: usize, packed: &dyn Packed) -> String {
        let (whole, bytes) = self.before(lane);
        format!("packed_at(row, {whole}u, {bytes}u, {}u, i)", 32 / packed.bits())
    }

    /// How many lanes of f32 there are, and how many bytes for each element lie between them and a lane.
    fn before(&self, lane: usize) -> (usize, u32) {
        let whole = self.lanes.iter().filter(|lane| lane.is_of_elements() && lane.format.packed().is_none()).count();
        (whole, self.lanes[..lane].iter().filter_map(|lane| lane.format.packed()).map(|packed| packed.bits() / 8).sum())
    }

    /// The word of the scale of a lane.
    fn scale_place(&self, lane: usize) -> String {
        let is_packed = |lane: &&Lane| lane.format.packed().is_some();
        let (whole, bytes) = self.before(self.lanes.iter().filter(|lane| lane.is_of_elements()).count());
        let scale = self.lanes[..lane].iter().filter(is_packed).filter(|lane| lane.format.has_scales()).count();
        format!("scale_at(row, {whole}u, {bytes}u, {scale}u, i)")
    }

    /// Four elements of a lane; `left` says how many may be touched. `begins_blocks` says whether the kernel has loaded the scale of their block.
    pub(super) fn load(&self, lane: usize, left: &str, begins_blocks: bool) -> String {
        let Some(packed) = self.packed(lane) else { return format!("load_lane(lane_at(row, {lane}u, i), {left})") };
        let (name, place) = (packed.name(), self.place(lane, packed));
        match packed.has_scales() {
            true if begins_blocks => format!("decoded_{name}(load_bytes({place}), scale{lane})"),
            true => format!("decoded_{name}(load_bytes({place}), {})", self.load_scale(lane)),
            false => format!("decoded_{name}(load_halves({place}))"),
        }
    }

    /// Keeps four elements in a lane, whose padding is its own; not in one whose blocks have scales.
    pub(super) fn store(&self, lane: usize, left: &str, x: &str) -> String {
        let Some(packed) = self.packed(lane) else { return format!("    store_lane(lane_at(row, {lane}u, i), {left}, {x}, {x});\n") };
        format!("    store_halves({}, {});\n", self.place(lane, packed), self.code(lane, packed, x, ""))
    }

    /// The codes of four numbers of a lane without scales, rounded as a step does; `more` is what its salt has besides.
    fn code(&self, lane: usize, packed: &dyn Packed, x: &str, more: &str) -> String {
        let (storage, Lane { name, role, .. }) = (&self.kernel.kind.storage, self.lanes[lane]);
        let (salt, steps) = match storage.rounding_of(role) {
            Rounding::Nearest => ("0u".to_owned(), "0u"),
            Rounding::Stochastic { .. } => (format!("salt_of(row, {}u{more})", storage.number_of(name, role)), "rounding_step"),
        };
        format!("encoded_{}({x}, {salt}, {steps}, row.element + i)", packed.name())
    }

    /// Which lane of elements has this name.
    fn named(&self, name: &str) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.is_of_elements() && lane.name == name)
    }

    /// `load_average` and `store_average`, of the average of a number, rounded to the nearest; lanes may be touched for `room` elements. And, where averages have 16 bits, where that one and the lane
    /// aside lie.
    pub(super) fn averages(&self) -> String {
        let Some(first) = self.lanes.iter().position(|lane| lane.role == LaneRole::Average) else {
            return "fn load_average(row: Row, k: u32, i: u32, room: u32) -> vec4f {\n    return vec4f(0.0);\n}\n\
                    fn store_average(row: Row, k: u32, i: u32, room: u32, x: vec4f, old: vec4f) {\n}\n"
                .to_owned();
        };
        let Some(packed) = self.packed(first) else {
            return format!(
                "fn load_average(row: Row, k: u32, i: u32, room: u32) -> vec4f {{\n    return load_lane(lane_at(row, {first}u + k, i), room);\n}}\n\
                 fn store_average(row: Row, k: u32, i: u32, room: u32, x: vec4f, old: vec4f) {{\n    store_lane(lane_at(row, {first}u + k, i), room, x, old);\n}}\n"
            );
        };
        let ((whole, bytes), name) = (self.before(first), packed.name());
        let text = format!(
            "fn average_at(row: Row, k: u32, i: u32) -> u32 {{\n    return packed_at(row, {whole}u, {bytes}u + {width}u * k, {per_word}u, i);\n}}\n\
             fn load_average(row: Row, k: u32, i: u32, room: u32) -> vec4f {{\n    return decoded_{name}(load_halves(average_at(row, k, i)));\n}}\n\
             fn store_average(row: Row, k: u32, i: u32, room: u32, x: vec4f, old: vec4f) {{\n    \
             store_halves(average_at(row, k, i), encoded_{name}(x, 0u, 0u, 0u));\n}}\n",
            width = packed.bits() / 8,
            per_word = 32 / packed.bits()
        );
        let aside = self.named(ASIDE).and_then(|lane| Some(self.place(lane, self.packed(lane)?)));
        text + &aside.map_or_else(String::new, |aside| format!("fn aside_at(row: Row, i: u32) -> u32 {{\n    return {aside};\n}}\n"))
    }

    /// `load_accumulated` and `store_accumulated`, where they have 16 bits: rounded as a step does, of which there are `pending` micro-batches.
    pub(super) fn accumulated(&self) -> Option<String> {
        let lane = self.named(ACCUMULATED)?;
        let packed = self.packed(lane)?;
        let (place, code) = (self.place(lane, packed), self.code(lane, packed, "x", " ^ pending"));
        Some(format!(
            "fn load_accumulated(row: Row, i: u32, left: u32) -> vec4f {{\n    return {};\n}}\n\
             fn store_accumulated(row: Row, pending: u32, i: u32, left: u32, x: vec4f, old: vec4f) {{\n    store_halves({place}, {code});\n}}\n",
            self.load(lane, "left", false)
        ))
    }

    /// `load_accumulated` of elements from any one on, where they have 16 bits, from an array of words; `parts` are those of formats that there are.
    pub(super) fn accumulated_by_elements(&self, parts: &mut Vec<Cow<'static, str>>) -> Option<String> {
        let lane = self.named(ACCUMULATED)?;
        let (packed, (whole, bytes)) = (self.packed(lane)?, self.before(lane));
        add(parts, packed);
        let load = accessor(HALVES_OF_ELEMENTS, "halves_lane", "states").replace("word_of_halves_lane(", "word_of_lane(");
        Some(format!(
            "{}{load}const BLOCK: u32 = {BLOCK}u;\n{LANES}fn load_accumulated(row: Row, i: u32, left: u32) -> vec4f {{\n    \
             let first = row.element - row.origin + i;\n    let at = 2u * packed_at(row, {whole}u, {bytes}u, 2u, i) + first % 2u;\n    \
             return decoded_{}(load_halves_lane(at, left));\n}}\n",
            accessor(WORDS_READ, "lane", "states"),
            packed.name()
        ))
    }

    /// The scale of the block of element `i`.
    fn load_scale(&self, lane: usize) -> String {
        format!("load_scale_of_block({})", self.scale_place(lane))
    }

    /// `begin_blocks`, which loads the scales of the blocks that the elements from `i` on are in.
    fn begin_blocks(&self) -> String {
        let own = || (0..self.lanes.len()).filter(|&lane| self.has_scales(lane));
        let declared: String = own().map(|lane| format!("var<private> scale{lane}: f32;\n")).collect();
        let loads: String = own().map(|lane| format!("    scale{lane} = {};\n", self.load_scale(lane))).collect();
        format!("{declared}fn begin_blocks(row: Row, i: u32) {{\n{loads}}}\n")
    }

    /// `begin_blocks`, `blocked_of`, `compare_blocked`, `store_blocked` and `store_scales`, of these lanes, each with the expression of its numbers, and what sweeps over blocks need besides; none
    /// if there are none.
    pub(super) fn blocked(&self, lanes: &[(usize, String)]) -> String {
        if lanes.is_empty() {
            return String::new();
        }
        let each = |form: &dyn Fn(usize, usize) -> String| {
            lanes.iter().enumerate().map(|(number, (lane, _))| form(number, *lane)).collect::<String>()
        };
        let numbers = lanes.iter().map(|(_, x)| format!("storable(within({x}, left))")).collect::<Vec<_>>().join(", ");
        let compare = each(&|number, _| format!("    largest[{number}] = max(largest[{number}], magnitude_of(x[{number}]));\n"));
        let store = each(&|number, lane| {
            let Some(packed) = self.packed(lane) else { return String::new() };
            format!("    store_bytes({}, encoded_{}(x[{number}], scales[{number}]));\n", self.place(lane, packed), packed.name())
        });
        let scales = each(&|number, lane| format!("    states[{}] = bitcast<u32>(scales[{number}]);\n", self.scale_place(lane)));
        let shared = if self.shares_blocks() { SHARED_SCALES.to_owned() } else { held(lanes.len()) };
        format!(
            "const BLOCKED: u32 = {}u;\n{SCALES}{shared}{}\
             fn blocked_of(state: State, left: u32) -> array<vec4f, BLOCKED> {{\n    return array<vec4f, BLOCKED>({numbers});\n}}\n\
             fn compare_blocked(largest: ptr<function, array<u32, BLOCKED>>, x: array<vec4f, BLOCKED>) {{\n{compare}}}\n\
             fn store_blocked(row: Row, i: u32, x: array<vec4f, BLOCKED>, scales: array<f32, BLOCKED>) {{\n{store}}}\n\
             fn store_scales(row: Row, i: u32, scales: array<f32, BLOCKED>) {{\n{scales}}}\n",
            lanes.len(),
            self.begin_blocks()
        )
    }

    /// Whether invocations go through a block together, each with one vector of it; else each has blocks of its own.
    pub(super) fn shares_blocks(&self) -> bool {
        4 * u64::from(self.kernel.division.invocations) >= BLOCK
    }

    /// What formats need, once each, after the parts that the caller's arrays do. And `fill_maps`, which whoever goes through rows calls.
    pub(super) fn text(&self, mut parts: Vec<Cow<'static, str>>) -> String {
        let packed = || self.lanes.iter().filter_map(|lane| lane.format.packed());
        packed().for_each(|packed| add(&mut parts, packed));
        let blocks = packed().any(Packed::has_scales);
        if packed().next().is_some() {
            parts.push(format!("const BLOCK: u32 = {BLOCK}u;\n{LANES}").into());
            parts.push(if access(self.kernel) == Access::Pair { HALVES_PAIR } else { HALVES_WORD }.into());
            parts.push(if blocks { BYTES } else { "" }.into());
        }
        if self.rounds_stochastically() {
            parts.push(SALT.into());
        }
        let looks_up = self.shares_blocks();
        let mut filled = Vec::new();
        for (name, map) in packed().filter_map(|packed| Some((packed.name(), packed.map_wgsl(looks_up)?))) {
            if !filled.contains(&name) {
                filled.push(name);
                parts.push(map.into());
            }
        }
        let fill: String = filled.iter().map(|name| format!("    fill_{name}(invocation);\n")).collect();
        let barrier = if blocks && looks_up { "    workgroupBarrier();\n" } else { "" };
        parts.push(format!("fn fill_maps(invocation: u32) {{\n{fill}{barrier}}}\n").into());
        parts.concat()
    }

    /// Whether some state is rounded by a drawn number.
    pub(super) fn rounds_stochastically(&self) -> bool {
        let is_drawn = |lane: &Lane| self.kernel.kind.storage.rounding_of(lane.role) != Rounding::Nearest;
        self.lanes.iter().any(|lane| is_drawn(lane) && lane.format.packed().is_some_and(|packed| !packed.has_scales()))
    }
}

/// `hold_blocked` and `held_blocked`, of the vectors of one block in so many lanes: an array for each lane, since llvmpipe takes longer where the place in one depends on the lane.
fn held(lanes: usize) -> String {
    let declared: String = (0..lanes).map(|lane| format!("var<private> held{lane}: array<vec4f, {}>;\n", BLOCK / 4)).collect();
    let stores: String = (0..lanes).map(|lane| format!("    held{lane}[k] = x[{lane}];\n")).collect();
    let loads = (0..lanes).map(|lane| format!("held{lane}[k]")).collect::<Vec<_>>().join(", ");
    format!(
        "{declared}fn hold_blocked(k: u32, x: array<vec4f, BLOCKED>) {{\n{stores}}}\n\
         fn held_blocked(k: u32) -> array<vec4f, BLOCKED> {{\n    return array<vec4f, BLOCKED>({loads});\n}}\n"
    )
}

/// Adds the parts of a format that are not there.
pub(super) fn add(parts: &mut Vec<Cow<'static, str>>, packed: &dyn Packed) {
    for part in packed.wgsl() {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
}

/// The binding of the state, which begins and ends where vectors do.
pub(super) fn states(kernel: &Kernel, written: bool) -> Declaration {
    array(Resource::States, "states", element(access(kernel)), written)
}

/// How lanes are accessed: element by element, where rows of tiles begin or end between vectors, and as words where some have fewer bits.
fn access(kernel: &Kernel) -> Access {
    match kernel.kind.storage.bits() {
        8 => Access::Word,
        16 => Access::Pair,
        _ if kernel.kind.uneven => Access::Scalar,
        _ => kernel.division.vectors,
    }
}

/// `load_lane` and `store_lane`, of the elements of a lane of f32 from `at` on.
pub(super) fn lane_access(kernel: &Kernel, written: bool) -> String {
    let access = access(kernel);
    let (load, store) = (super::load(access, "lane", "states"), super::store(access, "lane", "states"));
    if written { load + &store } else { load }
}
