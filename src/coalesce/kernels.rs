//! Composes the kernels that sort entries, find runs and add them up.

use super::numbers::Numbers;
use super::{BAD, FAN, HEAD, LANES, MANY, PART, append};
use crate::program::{Division, NOT_LISTED};
use crate::wgsl::{Declaration, Shader, constants, shader};

const ENTRIES: &str = include_str!("../../shaders/coalesce/entries.wgsl");
const SORT: &str = include_str!("../../shaders/coalesce/sort.wgsl");
const WHOLE: &str = include_str!("../../shaders/coalesce/whole.wgsl");
const TILE: &str = include_str!("../../shaders/coalesce/tile.wgsl");
const MERGE: &str = include_str!("../../shaders/coalesce/merge.wgsl");
const RUNS: &str = include_str!("../../shaders/coalesce/runs.wgsl");
const TALLY: &str = include_str!("../../shaders/coalesce/tally.wgsl");
const PLACE: &str = include_str!("../../shaders/coalesce/place.wgsl");
const TILES: &str = include_str!("../../shaders/coalesce/tiles.wgsl");
const SUM: &str = include_str!("../../shaders/coalesce/sum.wgsl");

crate::words::words! {
    /// What a dispatch works on.
    pub struct Task {
        /// Rows of the parameter.
        rows: u32,
        /// Entries that there is room for.
        most: u32,
        /// Where the entries' rows begin in their binding.
        rows_at: u32,
        /// Where the count is in its binding.
        count_at: u32,
        /// Elements of a row, numbers or four of them.
        width: u32,
        /// Where the gradient rows begin in their binding, in elements.
        gradient_at: u32,
        /// Entries of a sorted run, to be merged.
        run: u32,
        /// Invocations that add up the elements of a run together.
        team: u32,
        /// Where in the binding of the count it is written how many entries there was no room for before, or [`NOWHERE`].
        lost_at: u32,
    }
}

/// That nothing was written about entries without room.
pub(super) const NOWHERE: u32 = u32::MAX;

/// What kernels bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Task,
    Rows,
    Count,
    Gradient,
    Keys,
    Entries,
    KeysAfter,
    EntriesAfter,
    Tallies,
    Unique,
    Starts,
    Found,
    Summed,
}

impl Slot {
    fn declared(self, written: bool) -> Declaration<Slot> {
        let (name, ty) = match self {
            Slot::Task => ("task", "Task"),
            Slot::Rows => ("rows", "array<u32>"),
            Slot::Count => ("count", "array<u32>"),
            Slot::Gradient => ("gradient", "array<Element>"),
            Slot::Keys => ("keys", "array<u32>"),
            Slot::Entries => ("entries", "array<u32>"),
            Slot::KeysAfter => ("keys_after", "array<u32>"),
            Slot::EntriesAfter => ("entries_after", "array<u32>"),
            Slot::Tallies => ("tallies", "array<vec2u>"),
            Slot::Unique => ("unique", "array<u32>"),
            Slot::Starts => ("starts", "array<u32>"),
            Slot::Found => ("found", "array<u32>"),
            Slot::Summed => ("summed", "array<Element>"),
        };
        Declaration { slot: self, name: name.into(), ty: ty.into(), written }
    }
}

/// How kernels are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Invocations of a workgroup.
    pub(super) invocations: u32,
    /// Entries that a workgroup sorts.
    pub(super) tile: u32,
}

impl Sizes {
    /// Sorts all entries and finds their runs.
    pub(super) fn whole(self) -> Shader<Slot> {
        let written = [Slot::EntriesAfter, Slot::Unique, Slot::Starts, Slot::Found];
        self.shader(&[SORT, RUNS, PLACE, WHOLE], &[Slot::Task, Slot::Rows, Slot::Count], &written)
    }

    /// Sorts the entries of tiles.
    pub(super) fn sort(self) -> Shader<Slot> {
        self.shader(&[SORT, TILE], &[Slot::Task, Slot::Rows, Slot::Count], &[Slot::KeysAfter, Slot::EntriesAfter])
    }

    /// Merges what is sorted.
    pub(super) fn merge(self) -> Shader<Slot> {
        self.shader(&[MERGE], &[Slot::Task, Slot::Count, Slot::Keys, Slot::Entries], &[Slot::KeysAfter, Slot::EntriesAfter])
    }

    /// Counts the runs of tiles.
    pub(super) fn tally(self) -> Shader<Slot> {
        self.shader(&[RUNS, TALLY], &[Slot::Task, Slot::Count, Slot::Keys], &[Slot::Tallies])
    }

    /// Writes where the runs of tiles are.
    pub(super) fn place(self) -> Shader<Slot> {
        let written = [Slot::Unique, Slot::Starts, Slot::Found];
        self.shader(&[RUNS, PLACE, TILES], &[Slot::Task, Slot::Count, Slot::Keys, Slot::Tallies], &written)
    }

    /// Adds up runs of these numbers.
    pub(super) fn sum(self, numbers: Numbers) -> Shader<Slot> {
        let own = numbers.element() + &numbers.load() + &format!("const NO_ROW: u32 = {NOT_LISTED}u;\n");
        let read = [Slot::Task, Slot::Found, Slot::Starts, Slot::Entries];
        let read = read.map(|slot| slot.declared(false)).into_iter();
        let gradient = Declaration { ty: numbers.array().into(), ..Slot::Gradient.declared(false) };
        self.joined(&[&own, SUM], read.chain([gradient]), &[Slot::Summed, Slot::Unique])
    }

    fn shader(self, parts: &[&str], read: &[Slot], written: &[Slot]) -> Shader<Slot> {
        self.joined(parts, read.iter().map(|slot| slot.declared(false)), written)
    }

    fn joined(self, parts: &[&str], read: impl Iterator<Item = Declaration<Slot>>, written: &[Slot]) -> Shader<Slot> {
        let bindings = read.chain(written.iter().map(|slot| slot.declared(true))).collect::<Vec<_>>();
        let numbers = [("INVOCATIONS", self.invocations), ("TILE", self.tile)];
        let fixed = [("FAN", FAN), ("MANY", MANY), ("LANES", LANES), ("PART", PART), ("HEAD", HEAD), ("NOWHERE", NOWHERE), ("BAD", BAD)];
        let own = Task::WGSL.to_owned() + &constants(numbers.into_iter().chain(fixed));
        let entries = if bindings.iter().any(|own| own.slot == Slot::Count) { ENTRIES } else { "" };
        shader(bindings, &[&[&own, entries], parts].concat(), "")
    }
}

/// The kernels' WGSL texts by name, complete, for people and validators to read.
pub fn kernels() -> Vec<(String, String)> {
    let all = |invocations: u32| {
        let sizes = Sizes { invocations, tile: super::MOST_TILE };
        let named = [
            ("whole", sizes.whole()),
            ("sort", sizes.sort()),
            ("merge", sizes.merge()),
            ("tally", sizes.tally()),
            ("place", sizes.place()),
        ];
        let named = named.map(|(name, shader)| (name.to_owned(), shader.source));
        let sums = Numbers::all().map(move |numbers| (format!("sum {}", numbers.name()), sizes.sum(numbers).source));
        let appends =
            Numbers::all().map(move |numbers| (format!("append {}", numbers.name()), append::append(invocations, numbers).source));
        let begins = [("begin a step", true), ("begin a micro-batch", false)];
        let begins = begins.map(|(name, is_step)| (name.to_owned(), append::begin(is_step).source));
        let all = named.into_iter().chain(sums).chain(appends).chain(begins);
        all.map(move |(name, source)| (format!("{name} {invocations}"), source))
    };
    [Division::SOFTWARE, Division::GPU].into_iter().flat_map(|division| all(division.invocations)).collect()
}
