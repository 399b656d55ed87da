//! `Dtype`: what numbers of an optimizer are stored as.

use super::{Format, Packed};

/// What numbers are stored as: values and gradients ([`Param::value_dtype`](crate::Param::value_dtype)), but for the last one, and states ([`StateStorage`](crate::StateStorage)).
///
/// ```
/// use wgpu_optim::{Dtype, StateStorage};
///
/// let moments = StateStorage { m: Dtype::Dynamic8, v: Dtype::Bf16, ..StateStorage::default() };
/// assert_eq!((moments.m.bits(), moments.v.bits()), (8, 16));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// 32 bits.
    #[default]
    F32,
    /// bfloat16: the range of f32, and 8 bits of precision: 0.2% off at most.
    Bf16,
    /// IEEE half precision: 11 bits of precision down to 6e-5, and steps of 6e-8 below; what is beyond 65,504 is that. Of a state that is never negative the root is stored, so that
    /// second moments reach from 4e-15 to 4e9.
    F16,
    /// 8 bits of a map of seven decades, times the largest magnitude of a block of 256 (bitsandbytes, torchao): 2% off in the mean for moments with a sign, 0.4% for
    /// second moments. What is smaller than the largest of its block by 10^7 or more is 0, or, of a state that is never negative, the smallest number that is not.
    Dynamic8,
}

impl Dtype {
    /// Bits of a number; scales of blocks take an eighth of a bit more.
    pub fn bits(self) -> u32 {
        self.format(false).bits()
    }

    /// What messages and files call numbers of it, and what binds them; not of blocks.
    pub(crate) fn name(self) -> &'static str {
        self.format(false).packed().map_or("f32", Packed::name)
    }

    /// Whether stochastic rounding draws numbers for it.
    pub(crate) fn is_drawn(self) -> bool {
        self == Dtype::Bf16
    }

    /// How numbers that are never negative lie in words, or others.
    pub(crate) fn format(self, never_negative: bool) -> Format {
        match (self, never_negative) {
            (Dtype::F32, _) => Format::F32,
            (Dtype::Bf16, _) => Format::Bf16,
            (Dtype::F16, false) => Format::F16,
            (Dtype::F16, true) => Format::F16Root,
            (Dtype::Dynamic8, false) => Format::Signed8,
            (Dtype::Dynamic8, true) => Format::Unsigned8,
        }
    }
}
