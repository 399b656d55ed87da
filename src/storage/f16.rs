//! IEEE half precision, and the roots of numbers in it. Twin: `shaders/storage/f16.wgsl`.

use std::borrow::Cow;

use super::format::{Packed, With};

pub(crate) const WGSL_BITS: &str = include_str!("../../shaders/storage/f16_bits.wgsl");
const WGSL: &str = include_str!("../../shaders/storage/f16.wgsl");
const WGSL_ROOT: &str = include_str!("../../shaders/storage/f16_root.wgsl");

/// Numbers in f16.
pub(super) struct F16;

/// The roots of numbers that are not negative. The squares of gradients below 2e-4 are 0 in f16; their roots reach down to gradients of 6e-8.
pub(super) struct Root;

/// The bits of the largest number.
const LARGEST: u32 = 0x7bff;

/// The bits of an f32 exponent that is all ones.
const EXPONENT: u32 = 0x7f80_0000;

/// How much larger the bits of an exponent are in f32.
const BIAS: u32 = 0x3800_0000;

/// The nearest, the even one of two; what is beyond the largest is that, since an infinite moment would never leave again. Infinities and NaN stay.
fn nearest(x: f32) -> u32 {
    let bits = x.to_bits();
    let (sign, magnitude) = (bits >> 16 & 0x8000, bits & 0x7fff_ffff);
    if magnitude >= EXPONENT {
        return sign | if magnitude > EXPONENT { 0x7e00 } else { 0x7c00 };
    }
    let normal = (magnitude + 0xfff + (magnitude >> 13 & 1)).wrapping_sub(BIAS) >> 13;
    // Below 2^-14 steps are of 2^-24, whatever the exponent.
    let shift = (126 - (magnitude >> 23).min(126)).clamp(1, 31);
    let mantissa = magnitude & 0x7f_ffff | 0x80_0000;
    let small = (mantissa + (1 << (shift - 1)) - 1 + (mantissa >> shift & 1)) >> shift;
    sign | if magnitude < 0x3880_0000 { small } else { normal.min(LARGEST) }
}

/// The number of these bits.
fn value(bits: u32) -> f32 {
    let (sign, magnitude) = ((bits & 0x8000) << 16, bits & 0x7fff);
    let small = (magnitude as f32) * (1.0 / (1 << 24) as f32);
    let normal = (magnitude << 13) + if magnitude >= 0x7c00 { 2 * BIAS } else { BIAS };
    f32::from_bits(sign | if magnitude < 0x400 { small.to_bits() } else { normal })
}

/// The nearest number of f16.
pub(crate) fn rounded(x: f32) -> f32 {
    value(nearest(x))
}

impl Packed for F16 {
    fn name(&self) -> &'static str {
        "f16"
    }
    fn bits(&self) -> u32 {
        16
    }
    fn has_scales(&self) -> bool {
        false
    }
    fn file_type(&self) -> &'static str {
        "F16"
    }
    fn wgsl(&self) -> Vec<Cow<'static, str>> {
        vec![WGSL_BITS.into(), WGSL.into()]
    }
    fn encode(&self, x: f32, _with: With) -> u32 {
        nearest(x)
    }
    fn decode(&self, code: u32, _scale: f32) -> f32 {
        value(code)
    }
}

impl Packed for Root {
    fn name(&self) -> &'static str {
        "f16_root"
    }
    fn bits(&self) -> u32 {
        16
    }
    fn has_scales(&self) -> bool {
        false
    }
    fn is_root(&self) -> bool {
        true
    }
    fn file_type(&self) -> &'static str {
        "F16"
    }
    fn wgsl(&self) -> Vec<Cow<'static, str>> {
        vec![WGSL_BITS.into(), WGSL_ROOT.into()]
    }
    /// What is above 0 is not 0, since it divides.
    fn encode(&self, root: f32, _with: With) -> u32 {
        nearest(root).max(u32::from(root > 0.0))
    }
    fn decode(&self, code: u32, _scale: f32) -> f32 {
        value(code)
    }
}

#[cfg(test)]
mod tests {
    use super::{nearest, value};

    #[test]
    fn every_number_is_its_own() {
        for bits in (0..0x10000).filter(|bits| bits & 0x7fff <= 0x7c00) {
            assert_eq!(nearest(value(bits)), bits, "{bits:x}");
        }
        assert!(value(nearest(f32::NAN)).is_nan());
    }

    #[test]
    fn the_nearest_is_the_even_one_of_two() {
        for bits in 0..0x7bff_u32 {
            let (low, high) = (f64::from(value(bits)), f64::from(value(bits + 1)));
            let middle = (0.5 * (low + high)) as f32;
            assert_eq!(nearest(middle), bits + (bits & 1), "{bits:x}");
            assert_eq!([middle.next_down(), middle.next_up()].map(nearest), [bits, bits + 1], "{bits:x}");
        }
        assert_eq!([70_000.0, f32::MAX, f32::INFINITY, 1e-30, -1e-30].map(nearest), [0x7bff, 0x7bff, 0x7c00, 0, 0x8000]);
    }
}
