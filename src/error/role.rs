//! `BufferRole`: what messages call a tensor's buffers.

use core::fmt;

/// Which of a parameter's or a column's tensors an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferRole {
    /// The values.
    Value,
    /// The gradients.
    Gradient,
    /// The optimizer's state.
    State,
    /// The per-step scalars.
    Scalars,
    /// The index of rows that change.
    Rows,
    /// How many gradient rows there are.
    RowCount,
    /// The scales of the learning rate.
    LrScales,
    /// The row mask.
    RowMask,
    /// The copy of the values in bf16.
    Bf16Copy,
    /// A column's part of the data set.
    Source,
    /// A column's part of the batch.
    Destination,
}

impl fmt::Display for BufferRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BufferRole::Value => "value",
            BufferRole::Gradient => "gradient",
            BufferRole::State => "state",
            BufferRole::Scalars => "scalars",
            BufferRole::Rows => "rows",
            BufferRole::RowCount => "row count",
            BufferRole::LrScales => "lr_scales",
            BufferRole::RowMask => "row_mask",
            BufferRole::Bf16Copy => "bf16_copy",
            BufferRole::Source => "source",
            BufferRole::Destination => "destination",
        })
    }
}
