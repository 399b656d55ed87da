//! Which rows of a parameter a step is for: those of a row-sparse gradient, or those that a mask shows.

use super::Binding;

/// The rows that a row-sparse gradient is of: `gradient[i]` is for row `rows[i]`, for the first `count` entries.
///
/// Gradient rows for one row are added up, in a fixed order, before anything else is made of them; those in 16 bits ([`Param::gradient_dtype`](crate::Param::gradient_dtype)) are added in f32. A step reads and writes these rows of values and state, and
/// nothing of the others, as torch's `SparseAdam` does, and SGD and Adagrad with sparse gradients: its work follows the number of entries that there is room for, not the
/// size of the table. Weight decay acts on these rows alone, and so does whatever a rule does with a gradient of zero. The step count is the parameter's; a step
/// with no entries counts. Norms are of the added rows; where [`Clip::Adaptive`](crate::Clip::Adaptive) clips, each row with entries is a unit. An entry with a row that the parameter does not have is ignored, and so are those past the room for them;
/// [`Report::ignored`](crate::Report::ignored) says how many.
///
/// Values may be in 16 bits, in rows of any length, and are rounded as a step of a dense gradient rounds these rows. [Master values](crate::Param::master) begin in all rows in the first step, in a dispatch
/// more. [States in fewer bits](crate::StateStorage) need rows of a multiple of 4 elements, and those in 8 bits rows of whole blocks of 256.
///
/// [Averages](crate::Options::ema) are of all rows, and those of rows without entries follow their values too: a step in which one moves reads and writes the averages of the whole table, in a dispatch
/// more, and so does a change of view.
///
/// Nothing clears such a gradient but [`Optimizer::zero_grad`](crate::Optimizer::zero_grad), and entries are added up in steps in which the parameter is not active too. Where some parameter has one,
/// giving parameters other buffers costs as much as a new optimizer.
///
/// That takes 2 dispatches more for up to 2,048 entries, 5 for up to 8,192, and one more for each factor of 4. Values and state that are larger
/// than a binding are gone through in parts, a dispatch more for each: a table of 50,257 x 768 with the state of Adam takes two more by WebGPU's default limits. The entries have to fit in one binding, and
/// values too where [`Clip::Adaptive`](crate::Clip::Adaptive) clips.
///
/// With [micro-batches](crate::Options::micro_batches), the entries of all of them are one list, in their order, as torch accumulates sparse gradients: they add up as
/// if one backward pass had appended them. [`SparseRows::micro_batches`] says for how many there is room. A step then takes 2 dispatches more, and so does a micro-batch.
///
/// ```
/// use wgpu_optim::{Adam, Binding, Optimizer, Param, SparseRows, wgpu};
///
/// /// A table of 50,000 tokens, of which a mini-batch has at most 4,096.
/// fn embedding(
///     (device, queue): (&wgpu::Device, &wgpu::Queue),
///     table: &wgpu::Buffer,
///     [gradient, tokens, count]: [&wgpu::Buffer; 3], // [4096, 64] f32, [4096] u32, [1] u32
/// ) -> wgpu_optim::Result<Optimizer> {
///     let rows = SparseRows::new(tokens, count);
///     let table = Param { sparse: Some(rows), ..Param::new("tokens", &[50_000, 64], table, gradient) };
///     Optimizer::new(device, queue, Adam { uncorrected_eps: true, ..Adam::default() }, [table]) // as torch's SparseAdam
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SparseRows {
    /// For each entry its row, as u32. How many there are is how many there is room for.
    pub rows: Binding,
    /// How many entries there are, one u32, at most that many.
    pub count: Binding,
    /// Micro-batches of a step whose entries there is room for, that of the step itself among them, where [`Options::micro_batches`](crate::Options::micro_batches)
    /// accumulates gradients; it needs at least 2 there. The memory follows this room: a copy of rows and gradient rows for each micro-batch, and what coalesces all of
    /// them. Entries of more micro-batches are ignored, and [`Report::ignored`](crate::Report::ignored) counts them.
    ///
    /// Default: `1`, range: `[1, 2^32)`.
    pub micro_batches: u32,
}

impl SparseRows {
    /// The rows and their count in these buffers, of steps of one backward pass.
    pub fn new(rows: impl Into<Binding>, count: impl Into<Binding>) -> Self {
        SparseRows { rows: rows.into(), count: count.into(), micro_batches: 1 }
    }
}

/// Which rows of a parameter a step updates: those that your own passes have found visible, as selective Adam has it in Gaussian splatting
/// (Mallick et al., arXiv 2406.15643; gsplat's `SelectiveAdam`).
///
/// A row is what the first dimension counts: a number of a vector, a row of a matrix, a matrix of a batch. A step reads nothing of a row whose word is 0: its
/// values, state and averages stay what they are, to the bit, whatever its gradient holds, and that counts in no norm. Its gradient stays too, also with
/// [`Options::zero_grad`](crate::Options::zero_grad). A step costs the bytes of the rows that it updates, 4 more for each row, and no dispatch. The step count
/// is the parameter's, and advances whatever is masked; rows may have their [own](RowMask::own_steps).
///
/// Of averages, the first value of each row is taken when the parameter's is, whatever is masked, since there has to be one. With
/// [micro-batches](crate::Options::micro_batches), each adds the gradients of the rows that its mask shows when it is submitted, and the step updates those that
/// the mask shows then: let that be all rows that one of them has shown, with gradients of zero where the last one has not.
///
/// ```
/// use wgpu_optim::{Binding, Param, RowMask, wgpu};
///
/// /// 1,000 points, of which a step moves those whose word is not 0.
/// fn points(values: &wgpu::Buffer, gradients: &wgpu::Buffer, visible: &wgpu::Buffer) -> Param {
///     let points = Param::new("points", &[1000, 3], Binding::prefix(values), Binding::prefix(gradients));
///     Param { row_mask: Some(RowMask::new(Binding::prefix(visible))), ..points }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RowMask {
    /// A u32 for each row, 0 or not, in a buffer without values; without gradients too if these are to be set to zero. What it holds when a step runs counts:
    /// write it by a pass before.
    pub binding: Binding,
    /// Whether each row counts the steps that have updated it, and the rule goes by its row's count: Adam's bias correction is then that of a row's own steps, and
    /// a row that is shown late begins as a parameter does. The counts are the state `"row_steps"`, a number for each row, whole and exact up to 2^24.
    /// Schedules and averages go by the parameter's steps in any case.
    ///
    /// Default: `false`.
    pub own_steps: bool,
}

impl RowMask {
    /// A mask in this buffer; rows go by the parameter's step count.
    pub fn new(binding: impl Into<Binding>) -> Self {
        RowMask { binding: binding.into(), own_steps: false }
    }
}
