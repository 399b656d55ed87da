//! `Precision`: in what matrices are kept between products.

use super::half;
use crate::storage::F16_BITS;

const F32: &str = include_str!("../../shaders/products/f32.wgsl");
const F16: &str = include_str!("../../shaders/products/f16.wgsl");
const WHOLE_DIAGONAL: &str = include_str!("../../shaders/products/whole_diagonal.wgsl");
const STORE_REST: &str = include_str!("../../shaders/products/store_rest.wgsl");
const SQUARE_IN_F32: &str = include_str!("../../shaders/products/square_in_f32.wgsl");
const SQUARE_IN_F16: &str = include_str!("../../shaders/products/square_in_f16.wgsl");
const APPLY_IN_F32: &str = include_str!("../../shaders/products/apply_in_f32.wgsl");
const APPLY_IN_F16: &str = include_str!("../../shaders/products/apply_in_f16.wgsl");

/// In what X, A and B are kept between products, in scratch memory and in that of workgroups. Sums are in f32 either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// In f32.
    #[default]
    F32,
    /// In f16, on devices that have it: half the memory. benches/README.md has why sums are not in f16 too.
    F16,
}

impl Precision {
    /// Both.
    pub const ALL: [Precision; 2] = [Precision::F32, Precision::F16];

    /// That of a rule that iterates in f16 or not.
    pub fn of(in_f16: bool) -> Self {
        if in_f16 { Precision::F16 } else { Precision::F32 }
    }

    /// Bytes of a number.
    pub fn bytes(self) -> u32 {
        match self {
            Precision::F32 => 4,
            Precision::F16 => 2,
        }
    }

    /// Bytes of so many vectors of four numbers.
    pub fn vector_bytes(self, vectors: u64) -> u64 {
        4 * u64::from(self.bytes()) * vectors
    }

    /// Vectors behind A, or behind B, of so many blocks of rows: what is left of its diagonal.
    pub fn rests(self, row_blocks: u32) -> u64 {
        match self {
            Precision::F32 => 0,
            Precision::F16 => u64::from(row_blocks),
        }
    }

    /// What kernels multiply by in each iteration.
    pub fn coefficients(self, coefficients: &[[f64; 3]]) -> Vec<[f32; 4]> {
        match self {
            Precision::F32 => coefficients.iter().map(|[a, b, c]| [*a as f32, *b as f32, *c as f32, 0.0]).collect(),
            Precision::F16 => half::coefficients(coefficients),
        }
    }

    /// What kernels multiply sums of products of X by.
    pub fn gram_by(self) -> f32 {
        match self {
            Precision::F32 => 1.0,
            Precision::F16 => half::GRAM_BY,
        }
    }

    /// The feature of a device that kernels need, by its names.
    pub fn feature(self) -> Option<(wgpu::Features, &'static str)> {
        match self {
            Precision::F32 => None,
            Precision::F16 => Some((wgpu::Features::SHADER_F16, "SHADER_F16 (WebGPU's shader-f16)")),
        }
    }

    /// The types of what is kept, and how it is rounded.
    pub(super) fn wgsl(self) -> String {
        match self {
            Precision::F32 => F32.to_owned(),
            Precision::F16 => {
                let (loaded, gram) = (half::LOADED_BY, self.gram_by());
                format!("const LOADED_BY: f32 = {loaded:e};\nconst GRAM_BY: f32 = {gram:e};\n{F16_BITS}\n{F16}")
            }
        }
    }

    /// `store_rest`.
    pub(super) fn rest(self) -> &'static str {
        match self {
            Precision::F32 => WHOLE_DIAGONAL,
            Precision::F16 => STORE_REST,
        }
    }

    /// `b A + c A A`.
    pub(super) fn square(self) -> &'static str {
        match self {
            Precision::F32 => SQUARE_IN_F32,
            Precision::F16 => SQUARE_IN_F16,
        }
    }

    /// `a X + B X`.
    pub(super) fn apply(self) -> &'static str {
        match self {
            Precision::F32 => APPLY_IN_F32,
            Precision::F16 => APPLY_IN_F16,
        }
    }
}
