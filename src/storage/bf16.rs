//! bfloat16: the upper half of an f32. Twin: `shaders/storage/bf16.wgsl`.

use std::borrow::Cow;

use super::format::{Packed, With};

/// The functions of this file for kernels.
pub(crate) const WGSL: &str = include_str!("../../shaders/storage/bf16.wgsl");

/// How an f32 becomes a number of fewer bits.
///
/// A weight of 1 that moves by 1e-4 a step stays 1 forever if it is rounded to the nearest bf16, since the next one is 0.0039 away. Rounded stochastically, it moves as far on average:
/// 1,000 such steps lead to 0.9, on average, as values of [`Param::rounding`](crate::Param::rounding) do. Where there are f32 values beside the copy, as in [`Param::bf16_copy`](crate::Param::bf16_copy), nothing is lost either way: the nearest is then the closest
/// copy, and a stochastic one is free of bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rounding {
    /// To the nearest, and where two are as near to the even one, as torch's `to(torch.bfloat16)` does.
    #[default]
    Nearest,
    /// Up or down at random, so that the mean of all outcomes is the f32. What is drawn depends on nothing but the seed, the parameter's name and step count, and the element's number: on
    /// every device, after a restart, and in whatever order parameters are given, the bits are the same.
    Stochastic {
        /// Other numbers are drawn for each seed.
        seed: u32,
    },
}

/// bfloat16, as numbers of 16 bits.
///
/// ```
/// use wgpu_optim::storage::{Bf16, Rounding};
///
/// assert_eq!(Bf16::nearest(1.0), 0x3f80);
/// assert_eq!(Bf16::value(Bf16::nearest(0.3)), 0.30078125);
/// // What `Param::bf16_copy` holds of the parameter "w" after its third step:
/// let copy = Bf16::copy(&[0.3, -2.5], Rounding::Stochastic { seed: 7 }, "w", 3);
/// assert!(Bf16::value(copy[0]) == 0.30078125 || Bf16::value(copy[0]) == 0.298828125);
/// assert_eq!(Bf16::value(copy[1]), -2.5); // is one
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Bf16;

/// The bits of an exponent that is all ones: infinities and NaN.
const EXPONENT: u32 = 0x7f80_0000;

impl Bf16 {
    /// The number as f32.
    pub fn value(bits: u16) -> f32 {
        f32::from_bits(u32::from(bits) << 16)
    }

    /// The nearest one, the even one of two. What is beyond the largest becomes infinite; a NaN stays one.
    pub fn nearest(x: f32) -> u16 {
        let bits = x.to_bits();
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
        upper(bits, rounded)
    }

    /// One of the two around it: that farther from zero in `f` of 65,536 cases, if the lower half of its bits is `f`; the drawn number is from 0 to 65,535. A number stays finite.
    pub fn stochastic(x: f32, drawn: u32) -> u16 {
        let bits = x.to_bits();
        let rounded = bits.wrapping_add(drawn & 0xffff);
        let is_beyond = rounded & EXPONENT == EXPONENT;
        upper(bits, if is_beyond { bits } else { rounded })
    }

    /// What a copy of these values holds, of the parameter of this name, after so many of its steps.
    pub fn copy(values: &[f32], rounding: Rounding, param: &str, steps: u32) -> Vec<u16> {
        let salt = salt(rounding, param);
        let one = |(element, x): (usize, &f32)| match salt {
            0 => Self::nearest(*x),
            salt => Self::stochastic(*x, drawn(salt, steps, element as u32)),
        };
        values.iter().enumerate().map(one).collect()
    }
}

impl Packed for Bf16 {
    fn name(&self) -> &'static str {
        "bf16"
    }
    fn bits(&self) -> u32 {
        16
    }
    fn has_scales(&self) -> bool {
        false
    }
    fn file_type(&self) -> &'static str {
        "BF16"
    }
    fn wgsl(&self) -> Vec<Cow<'static, str>> {
        vec![WGSL.into()]
    }
    fn encode(&self, x: f32, with: With) -> u32 {
        with.drawn.map_or_else(|| Self::nearest(x), |drawn| Self::stochastic(x, drawn)).into()
    }
    fn decode(&self, code: u32, _scale: f32) -> f32 {
        Self::value(code as u16)
    }
}

/// The upper half of what was rounded; of an infinity or a NaN, its own.
fn upper(bits: u32, rounded: u32) -> u16 {
    let is_nan = bits & 0x7fff_ffff > EXPONENT;
    let own = (bits >> 16) | if is_nan { 0x40 } else { 0 };
    (if bits & EXPONENT == EXPONENT { own } else { rounded >> 16 }) as u16
}

/// What the rounding of a parameter goes by: 0 for the nearest.
pub(crate) fn salt(rounding: Rounding, param: &str) -> u32 {
    match rounding {
        Rounding::Nearest => 0,
        Rounding::Stochastic { seed } => param.bytes().fold(mixed(seed), |salt, byte| mixed(salt ^ u32::from(byte))) | 1,
    }
}

/// The number that is drawn for an element.
pub(crate) fn drawn(salt: u32, steps: u32, element: u32) -> u32 {
    mixed(mixed(salt.wrapping_add(steps)) ^ element)
}

/// A hash of 32 bits with little bias (Wellons, "lowbias32").
pub(crate) fn mixed(x: u32) -> u32 {
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::{Bf16, Rounding, drawn, salt};

    #[test]
    fn what_is_no_number_stays_none() {
        let smallest_nan = f32::from_bits(0x7f80_0001);
        for x in [f32::NAN, -f32::NAN, smallest_nan, f32::from_bits(0x7fff_ffff)] {
            assert!([Bf16::nearest(x), Bf16::stochastic(x, 0xffff)].iter().all(|&bits| Bf16::value(bits).is_nan()), "{:x}", x.to_bits());
        }
        for x in [f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0] {
            assert_eq!([Bf16::nearest(x), Bf16::stochastic(x, 0xffff)].map(|bits| Bf16::value(bits).to_bits()), [x.to_bits(); 2]);
        }
    }

    #[test]
    fn the_largest_is_infinite_only_to_the_nearest() {
        assert_eq!(Bf16::value(Bf16::nearest(f32::MAX)), f32::INFINITY);
        assert_eq!(Bf16::stochastic(f32::MAX, 0xffff), 0x7f7f);
        assert_eq!(Bf16::stochastic(f32::MIN, 1), 0xff7f);
    }

    #[test]
    fn ties_go_to_the_even_one() {
        assert_eq!([0x3f80_8000, 0x3f81_8000, 0x3f80_8001].map(|bits| Bf16::nearest(f32::from_bits(bits))), [0x3f80, 0x3f82, 0x3f81]);
    }

    #[test]
    fn every_way_up_is_as_likely_as_it_is_near() {
        let x = f32::from_bits(0x3f80_4000);
        let up = (0..=0xffff).filter(|&drawn| Bf16::stochastic(x, drawn) == 0x3f81).count();
        assert_eq!(up, 0x4000);
    }

    #[test]
    fn a_thousand_small_steps_arrive() {
        let salt = salt(Rounding::Stochastic { seed: 1 }, "w");
        let mean =
            (0..64).map(|element| (1..=1000).fold(1.0_f32, |w, step| Bf16::value(Bf16::stochastic(w - 1e-4, drawn(salt, step, element)))));
        let mean = mean.map(f64::from).sum::<f64>() / 64.0;
        assert!((mean - 0.9).abs() < 0.01, "{mean}");
        assert_eq!((1..=1000).fold(1.0_f32, |w, _| Bf16::value(Bf16::nearest(w - 1e-4))), 1.0);
    }

    #[test]
    fn names_seeds_steps_and_elements_draw_apart() {
        let draws =
            |seed, name: &str, step| (0..8).map(|i| drawn(salt(Rounding::Stochastic { seed }, name), step, i) & 0xffff).collect::<Vec<_>>();
        let all = [draws(1, "a", 1), draws(2, "a", 1), draws(1, "b", 1), draws(1, "a", 2), draws(1, "aa", 1)];
        for (index, one) in all.iter().enumerate() {
            assert!(all[..index].iter().all(|other| other != one));
        }
    }
}
