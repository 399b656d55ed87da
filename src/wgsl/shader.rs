//! `Shader`: the text of a kernel, and what it binds, from one list of declarations. Whoever has resources of its own, as coalescing and batches, names them
//! by a type of its own.

use core::ops::Range;

/// How a kernel over rows knows the version of the table of parameters that a step was recorded with.
pub(super) const VERSION: &str = "@group(1) @binding(0) var<uniform> version: vec4u;\n";

/// What a shader binds. Its number is its place in [`Shader::slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Options and clips, as the host set them.
    Options,
    /// The parameters.
    Parameters,
    /// How each word of the hyper-parameters is set.
    Assignments,
    /// The schedules.
    Schedules,
    /// What steps have in common.
    Status,
    /// The step record.
    Record,
    /// Sums that a pass forms; of a dispatch over the rows of a bucket, its own part of them.
    Sums(Formed),
    /// How these become sums of parameters, groups and all.
    Tree(Formed),
    /// The bucket's workgroups, and further on all versions of the table of parameters.
    Rows,
    /// One of the arrays that the kernel binds of the caller's buffers.
    Array(usize),
    /// All lanes of the state.
    States,
    /// The numbers of rows, columns and slices.
    Lines,
    /// The sums over the rows and columns of tiles that the stage of this number forms; of a dispatch over the rows of a bucket, its own part of them.
    Tiles(usize),
    /// The work of a stage over rows or columns.
    Work,
    /// A part of a table.
    Part(usize),
    /// The table.
    Whole,
    /// Which numbers schedules set, and where these begin.
    Scheduled,
    /// The view of this number, which is asked for.
    Wish(u32),
    /// For each row, the row that it was.
    RowsBefore,
    /// What is to be moved.
    Task,
    /// A part of a tensor before its rows move: which tensor, and which of its parts that are bound.
    Before(usize, usize),
    /// A tensor after its rows have moved.
    After(usize),
    /// The values that new rows begin as.
    Values,
}

/// What forms sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Formed {
    /// The measurement of gradients.
    Gradients,
    /// A rule's stage of this number.
    Stage(usize),
    /// The update, where it is measured.
    Update,
}

/// A complete shader with entry point `main`, and what it binds in group 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shader<S = Resource> {
    /// The WGSL text.
    pub source: String,
    /// What each binding is, in order, and whether it is written.
    pub slots: Vec<(S, bool)>,
    /// The bytes of the text that are the rule's own.
    pub own: Range<usize>,
}

impl<S> Shader<S> {
    /// The same with an extension of WGSL, which has to come first.
    pub(crate) fn enabling(self, extension: &str) -> Self {
        let first = format!("enable {extension};\n");
        let own = self.own.start + first.len()..self.own.end + first.len();
        Shader { source: first + &self.source, own, ..self }
    }

    /// Whether it looks rows up in a version of the table of parameters, which it binds in group 1.
    pub(crate) fn has_version(&self) -> bool {
        self.source.contains(VERSION)
    }
}

/// One binding: what it is, its name and type in WGSL, whether it is written.
#[derive(Clone, Debug)]
pub(crate) struct Declaration<S = Resource> {
    pub(crate) slot: S,
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) written: bool,
}

/// A binding of an array of these.
pub(super) fn array(slot: Resource, name: impl Into<String>, element: &str, written: bool) -> Declaration {
    Declaration { slot, name: name.into(), ty: format!("array<{element}>"), written }
}

/// The bindings, these parts of ours, and a rule's own text. Module scope is independent of order in WGSL, so joining is all it takes.
pub(crate) fn shader<S>(bindings: Vec<Declaration<S>>, ours: &[&str], own: &str) -> Shader<S> {
    let mut source = String::new();
    for (index, Declaration { name, ty, written, .. }) in bindings.iter().enumerate() {
        let access = if *written { "read_write" } else { "read" };
        source += &format!("@group(0) @binding({index}) var<storage, {access}> {name}: {ty};\n");
    }
    for part in ours {
        source.push_str(part);
        source.push('\n');
    }
    let start = source.len();
    source.push_str(own);
    let slots = bindings.into_iter().map(|binding| (binding.slot, binding.written)).collect();
    Shader { own: start..source.len(), source, slots }
}
