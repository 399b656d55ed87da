//! `Error`: everything that can go wrong, with a message that says what to do. Beside it, what messages call buffers, and how errors are made.

mod difference;
mod messages;
mod refused;
mod role;

use crate::rule::Range;

pub use difference::Difference;
pub(crate) use messages::unknown;
use messages::{groups_there, if_longer, listed, shown, those_there};
pub use role::BufferRole;

/// Shorthand.
pub type Result<T> = core::result::Result<T, Error>;

/// Everything that can go wrong. Each message names the parameter and both numbers, and says what to do.
///
/// A call that fails has changed nothing: the optimizer is as it was, and usable.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to optimize.
    #[error("no parameters: an optimizer needs at least one")]
    NoParameters,
    /// A factor of the learning rate that is negative, infinite or NaN.
    #[error("{param}: lr_scale must be 0 or above, and finite, got {got:?}")]
    LrScale {
        /// The parameter.
        param: String,
        /// The factor.
        got: f64,
    },
    /// A column of a data set whose rows have no elements.
    #[error("{param}: shape {shape:?} has no elements")]
    EmptyTensor {
        /// The column.
        param: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A shape whose size in bytes is beyond 64 bits.
    #[error("{param}: shape {shape:?} has more elements than can be counted")]
    HugeTensor {
        /// The parameter.
        param: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Two parameters of one name.
    #[error("{param}: two parameters have this name")]
    DuplicateName {
        /// The name.
        param: String,
    },
    /// The binding is not as large as the shape says.
    #[error("{param}: shape {shape:?} in {dtype} takes {needed} bytes, the {role} binding has {bound}{}", if_longer(.needed, .bound))]
    SizeMismatch {
        /// The parameter.
        param: String,
        /// Which binding.
        role: BufferRole,
        /// The shape.
        shape: Vec<usize>,
        /// What its elements are.
        dtype: &'static str,
        /// Bytes that the shape takes.
        needed: u64,
        /// Bytes that are bound.
        bound: u64,
    },
    /// The binding ends beyond its buffer.
    #[error("{param}: the {role} binding ends at byte {end}, its buffer has {size}")]
    OutOfBuffer {
        /// The parameter.
        param: String,
        /// Which binding.
        role: BufferRole,
        /// Where the binding ends.
        end: u64,
        /// Bytes of the buffer.
        size: u64,
    },
    /// The buffer was created without a usage that is needed.
    #[error("{param}: the {role} buffer has usage {has:?}, it needs {needs:?} too")]
    MissingUsage {
        /// The parameter.
        param: String,
        /// Which buffer.
        role: BufferRole,
        /// Its usages.
        has: wgpu::BufferUsages,
        /// What it lacks.
        needs: wgpu::BufferUsages,
    },
    /// The offset is not that of an f32.
    #[error("{param}: the {role} binding starts at byte {offset}, which is not a multiple of 4")]
    Misaligned {
        /// The parameter.
        param: String,
        /// Which binding.
        role: BufferRole,
        /// The offset in bytes.
        offset: u64,
    },
    /// Two tensors share bytes, and a step writes one of them.
    #[error("{first} ({first_role}) and {second} ({second_role}) overlap in one buffer")]
    Overlap {
        /// One parameter.
        first: String,
        /// Its tensor.
        first_role: BufferRole,
        /// The other parameter, or the same.
        second: String,
        /// Its tensor.
        second_role: BufferRole,
    },
    /// An optimizer's own state given to it as values or gradients.
    #[error("{param}: the binding is this optimizer's own state, which a step writes")]
    OwnState {
        /// The parameter.
        param: String,
    },
    /// A hyper-parameter outside its range, or NaN.
    #[error("{rule}: {parameter} must be in {range}, got {got}")]
    OutOfRange {
        /// The rule.
        rule: &'static str,
        /// The hyper-parameter.
        parameter: &'static str,
        /// What is accepted.
        range: Range,
        /// What was given.
        got: f64,
    },
    /// A hyper-parameter that f32 does not hold as a normal number.
    #[error("{rule}: {parameter} must be 0 or of magnitude 1.18e-38 to 3.4e38, as f32 is, got {got:e}")]
    NotF32 {
        /// The rule.
        rule: &'static str,
        /// The hyper-parameter.
        parameter: &'static str,
        /// What was given.
        got: f64,
    },
    /// Hyper-parameters that do not go together.
    #[error("{rule}: {message}")]
    HyperParameters {
        /// The rule.
        rule: &'static str,
        /// Which, and what to do.
        message: String,
    },
    /// A rule whose stages, states and sums do not go together.
    #[error("{rule}: {message}")]
    Stages {
        /// The rule.
        rule: &'static str,
        /// Which of them.
        message: String,
    },
    /// A schedule that does not exist.
    #[error("group {group}: the schedule of {parameter}: {message}")]
    Schedule {
        /// The group.
        group: usize,
        /// What it is for.
        parameter: &'static str,
        /// What is wrong, and what to do.
        message: String,
    },
    /// Something in a group's settings that is out of range.
    #[error("group {group}: {name} must be {wants}, got {got:?}")]
    Setting {
        /// The group.
        group: usize,
        /// What it is called.
        name: &'static str,
        /// What is accepted.
        wants: &'static str,
        /// What was given.
        got: f64,
    },
    /// Something in the options that is out of range.
    #[error("{name} must be {wants}, got {got:?}")]
    Option {
        /// What it is called.
        name: &'static str,
        /// What is accepted.
        wants: &'static str,
        /// What was given.
        got: f64,
    },
    /// Options that do not go together.
    #[error("{what}")]
    Conflict {
        /// Which, and what to do.
        what: String,
    },
    /// Something was asked for that the options do not have.
    #[error("{what} needs {needs}, which the optimizer was made without")]
    NotEnabled {
        /// What was asked for.
        what: &'static str,
        /// The option.
        needs: &'static str,
    },
    /// Scales of the learning rate that do not fit the parameter.
    #[error(
        "{param}: scales of shape {got:?} do not fit {shape:?}: as many dimensions, each of the same size or 1, those that are not 1 next to each \
         other, and less than 2^32 elements"
    )]
    Scales {
        /// The parameter.
        param: String,
        /// Its shape.
        shape: Vec<usize>,
        /// That of the scales.
        got: Vec<usize>,
    },
    /// A rule that keeps values in its state, with scales of the learning rate.
    #[error(
        "{param}: {rule} keeps values in its state, which steps of scaled lengths would leave behind; scale gradients, or take another rule"
    )]
    ScaledState {
        /// The parameter.
        param: String,
        /// The rule.
        rule: &'static str,
    },
    /// A gradient was infinite or NaN, and [`NonFinite::Fail`](crate::NonFinite::Fail) was asked for.
    #[error("{param}: step {step} found an infinite or NaN gradient; this step and those after it were skipped")]
    NonFinite {
        /// The first such parameter.
        param: String,
        /// The step: counts from 1, without skipped steps.
        step: u32,
    },
    /// Something that belongs to the trained values, while others are shown ([`View`](crate::View)).
    #[error("{what} while {}; {instead}", shown(.view))]
    InView {
        /// What, with the parameter's name where there is one.
        what: String,
        /// What is shown.
        view: crate::View,
        /// What it did, and what to do.
        instead: &'static str,
    },
    /// Something recorded before the optimizer was changed and submitted after that, or the other way round. It changed nothing.
    #[error("{what} {order}")]
    OutOfOrder {
        /// What, the first of how many.
        what: String,
        /// What came in the wrong order, and what to do.
        order: &'static str,
    },
    /// A state tensor that is in several buffers or windows, since all that a step keeps of its parameter is larger than one binding.
    #[error("{param}: {state} is in {parts} parts, each within max_storage_buffer_binding_size; use state_parts")]
    Split {
        /// The parameter.
        param: String,
        /// The state.
        state: String,
        /// How many parts.
        parts: usize,
    },
    /// A name that does not exist.
    #[error("there is no {kind} \"{name}\"; {}", those_there(.kind, .known))]
    UnknownName {
        /// What was looked for: parameter, state, hyper-parameter.
        kind: &'static str,
        /// The name given.
        name: String,
        /// The names that exist, up to a dozen.
        known: String,
    },
    /// A group's number that does not exist.
    #[error("there is no group {group}; {}", groups_there(.groups))]
    UnknownGroup {
        /// The number given.
        group: usize,
        /// How many there are.
        groups: usize,
    },
    /// A changed rule would need other kernels or other state than the group has.
    #[error("group {group} runs {has}; {wants} needs other kernels or state, so a new optimizer")]
    OtherRule {
        /// The group.
        group: usize,
        /// Its rule and states.
        has: String,
        /// Those asked for.
        wants: String,
    },
    /// Something exceeds a limit of the device.
    #[error("{what} needs {needed}, the device's {limit} is {allowed}; request a device with a higher limit, or split")]
    Limit {
        /// What, with the parameter's name where there is one.
        what: String,
        /// How much it needs.
        needed: u64,
        /// The limit's name in wgpu.
        limit: &'static str,
        /// How much there is.
        allowed: u64,
    },
    /// Something needs a feature that the device was requested without.
    #[error("{what} needs the device feature {feature}, without which the device was requested; request one with it, or {instead}")]
    Feature {
        /// What, with the parameter's name where there is one.
        what: String,
        /// The feature's name in wgpu, and in WebGPU.
        feature: &'static str,
        /// What does without it.
        instead: &'static str,
    },
    /// Not one slice per tensor was given to a CPU optimizer.
    #[error("{needed} tensors need {needed} {role} slices, got {got}")]
    Slices {
        /// Slices of what.
        role: BufferRole,
        /// How many tensors there are.
        needed: usize,
        /// How many slices came.
        got: usize,
    },
    /// Data of the wrong length were given.
    #[error("{param}: the {role} must have {needed} elements, got {got}")]
    Length {
        /// The parameter.
        param: String,
        /// Which tensor.
        role: BufferRole,
        /// Elements of the tensor.
        needed: u64,
        /// Elements given.
        got: u64,
    },
    /// Data of the wrong length were given for a state.
    #[error("{param}: the state \"{state}\" must have {needed} elements, got {got}")]
    StateLength {
        /// The parameter.
        param: String,
        /// The state.
        state: String,
        /// Elements of the state.
        needed: u64,
        /// Elements given.
        got: u64,
    },
    /// A rule's WGSL does not compile.
    #[error("{kernel}: line {line} of the rule's WGSL, `{text}`: {message}")]
    Wgsl {
        /// The rule and the kernel that it was compiled for.
        kernel: String,
        /// The line in the rule's own text, from 1.
        line: usize,
        /// That line.
        text: String,
        /// What the compiler said.
        message: String,
    },
    /// A data set without rows.
    #[error("no rows: a data set needs at least one")]
    NoRows,
    /// A data set without columns.
    #[error("no columns: a data set needs at least one")]
    NoColumns,
    /// Two columns of one name.
    #[error("{column}: two columns have this name")]
    DuplicateColumn {
        /// The name.
        column: String,
    },
    /// A batch of no rows, or of more than the data set has.
    #[error("batch_size must be from 1 to the data set's {rows} rows, got {batch_size}")]
    BatchSize {
        /// Rows of a batch.
        batch_size: u32,
        /// Rows of the data set.
        rows: u32,
    },
    /// A cursor beyond the data set.
    #[error("the cursor's position must be from 0 to the data set's {rows} rows, got {position}")]
    Position {
        /// The position given.
        position: u32,
        /// Rows of the data set.
        rows: u32,
    },
    /// A column's part of the data set and of the batch are in one buffer, which WebGPU does not let a dispatch both read and write.
    #[error("{column}: source and destination are in one buffer; WebGPU needs two")]
    OneBuffer {
        /// The column.
        column: String,
    },
    /// A normalisation whose results are not all numbers in f32.
    #[error("{column}: byte * {scale:?} + {offset:?} must be finite in f32 for every byte from 0 to 255")]
    Normalisation {
        /// The column.
        column: String,
        /// By what a byte is multiplied.
        scale: f64,
        /// What is added.
        offset: f64,
    },
    /// The device is lost: unplugged, reset by its driver, or destroyed by the program. Nothing that is on it can be read any more.
    #[error("the device is lost; request another one, and make the optimizer there from a checkpoint")]
    DeviceLost,
    /// The device has no memory left for a buffer.
    #[error("the GPU has no memory left: {0}")]
    OutOfMemory(String),
    /// wgpu refuses a buffer of the caller's: it was destroyed, or is another device's.
    #[error("{param}: wgpu refuses the {role} buffer: {message}")]
    Buffer {
        /// The parameter or column.
        param: String,
        /// Which buffer.
        role: BufferRole,
        /// What wgpu says.
        message: String,
    },
    /// The device has limits that leave compute shaders nothing to bind.
    #[error("the device binds no storage buffers: its {limit} is 0, as with the limits of WebGL; request one with wgpu::Limits::default()")]
    NoStorageBuffers {
        /// The limit's name in wgpu.
        limit: &'static str,
    },
    /// A checkpoint does not fit the optimizer that it is put back into.
    #[error("the checkpoint does not fit, and nothing was changed; RestoreOptions::partial takes what fits, ignore_settings keeps the optimizer's settings:{}", listed(.differences))]
    Differences {
        /// All that differs.
        differences: Vec<Difference>,
    },
    /// A checkpoint that cannot be read or written.
    #[error("{of}: {message}")]
    Checkpoint {
        /// Its path, or "the checkpoint" if it is in memory.
        of: String,
        /// What is wrong.
        message: String,
    },
    /// A report was asked for its contents after it had given them.
    #[error("this report was given before; each is given once, Optimizer::report makes another")]
    ReportGiven,
    /// wgpu refused something else.
    #[error("wgpu: {0}")]
    Wgpu(String),
    /// A read-back did not arrive, on a device that is not lost.
    #[error("read-back failed: {0}")]
    ReadBack(String),
    /// No adapter was found.
    #[error(
        "no GPU adapter: {reason} (WGPU_BACKEND={backend:?}, WGPU_ADAPTER_NAME={name:?}); where there is none, the package \
         mesa-vulkan-drivers of Debian and Ubuntu brings a software one"
    )]
    NoAdapter {
        /// The variable's value, or empty.
        backend: String,
        /// The variable's value, or empty.
        name: String,
        /// What wgpu said.
        reason: String,
    },
}
