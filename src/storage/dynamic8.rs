//! Numbers in 8 bits: a code of a map that is fine near 0 and spans seven decades, times the largest magnitude of a block of 256 (Dettmers and others, arXiv 2110.02861; codes as
//! torchao 0.18 has them). Twin: `shaders/storage/dynamic8.wgsl`.

use std::borrow::Cow;

use super::format::{Packed, With, storable};
use super::map8;

const BLOCKS: &str = include_str!("../../shaders/storage/blocks.wgsl");
const WGSL: &str = include_str!("../../shaders/storage/dynamic8.wgsl");
const FORMED: &str = include_str!("../../shaders/storage/map_formed.wgsl");
const LOOKED_UP: &str = include_str!("../../shaders/storage/map_looked_up.wgsl");

/// One of the two maps.
pub(super) struct Dynamic8 {
    name: &'static str,
    map: [f32; 256],
    /// Between each number and the next one: the least f32 of which the upper one is the nearest.
    bounds: [f32; 255],
    /// Where magnitudes are among the numbers: the line of each decade.
    lines: [Line; 7],
    /// The code of 0.
    zero: u32,
    /// How many numbers its first decade has.
    parts: u32,
}

/// Of a decade: steepness, and the position of 0.
type Line = [f32; 2];

pub(super) const SIGNED: Dynamic8 = Dynamic8::new("signed8", map8::signed(), 127, 1);
pub(super) const UNSIGNED: Dynamic8 = Dynamic8::new("unsigned8", map8::unsigned(), 0, 2);

impl Dynamic8 {
    const fn new(name: &'static str, map: [f32; 256], zero: u32, parts: u32) -> Self {
        let mut bounds = [0.0; 255];
        let mut at = 0;
        while at < bounds.len() {
            bounds[at] = map8::bound_between(map[at], map[at + 1]);
            at += 1;
        }
        // The first decade of a map without a sign begins with number 2, so each number is one more than its code.
        Dynamic8 { name, map, bounds, lines: map8::lines(parts, (parts - 1) as f32 + 0.5), zero, parts }
    }

    /// A code that is the nearest of `y`, or the one below it.
    fn guess(&self, y: f32) -> usize {
        let from_zero = map8::position_of(y.abs(), &self.lines).copysign(y);
        (self.zero as f32 + from_zero) as usize
    }

    fn named(&self, wgsl: &str) -> String {
        wgsl.replace("signed8", self.name)
    }
}

impl Packed for Dynamic8 {
    fn name(&self) -> &'static str {
        self.name
    }
    fn bits(&self) -> u32 {
        8
    }
    fn has_scales(&self) -> bool {
        true
    }
    fn file_type(&self) -> &'static str {
        "U8"
    }

    /// The functions, with the format's name in the place of one. Numbers of the map are told apart by how far from 0 they are, those of a decade beginning with a power of two.
    fn wgsl(&self) -> Vec<Cow<'static, str>> {
        let numbers = [("PARTS", self.parts), ("FIRST", self.parts - 1), ("ZERO", self.zero)];
        let numbers = numbers.map(|(name, number)| format!("const {name}_signed8 = {number};\n")).concat();
        vec![BLOCKS.into(), self.named(&(numbers + WGSL)).into()]
    }

    fn map_wgsl(&self, looks_up: bool) -> Option<String> {
        let bounds = || self.bounds.map(|bound| format!("{bound:e}f")).join(", ");
        Some(self.named(&if looks_up { LOOKED_UP.to_owned() } else { FORMED.replace("BOUNDS", &bounds()) }))
    }

    /// The code of the nearest of the map, the upper one of two: a guess, which may be one too low, and one comparison. What is above 0 without a sign is not 0: it divides, and one step
    /// would be as long as thousands.
    fn encode(&self, x: f32, with: With) -> u32 {
        let x = storable(x);
        let y = (x / with.scale).clamp(-1.0, 1.0);
        let guess = self.guess(y).min(self.bounds.len() - 1);
        let code = guess as u32 + u32::from(y >= self.bounds[guess]);
        if self.zero == 0 && x > 0.0 { code.max(1) } else { code }
    }

    fn decode(&self, code: u32, scale: f32) -> f32 {
        self.map[code as usize % self.map.len()] * scale
    }
}

#[cfg(test)]
mod tests {
    use super::{Packed, SIGNED, UNSIGNED, With};

    fn code(x: f32, scale: f32) -> [u32; 2] {
        [&SIGNED, &UNSIGNED].map(|own| own.encode(x, With { scale, drawn: None }))
    }

    #[test]
    fn each_code_is_its_own() {
        for (own, name) in [(&SIGNED, "signed8"), (&UNSIGNED, "unsigned8")] {
            assert_eq!(own.name(), name);
            for scale in [1e-12, 0.37, 3e30] {
                let again = |code| own.encode(own.decode(code, scale), With { scale, drawn: None });
                assert_eq!((0..256).map(again).collect::<Vec<_>>(), (0..256).collect::<Vec<_>>(), "{name} {scale}");
            }
        }
    }

    #[test]
    fn a_guess_is_never_above_nor_far_below() {
        for own in [&SIGNED, &UNSIGNED] {
            let signed = |bits| [f32::from_bits(bits), -f32::from_bits(bits)];
            for y in (0..=0x3f80_0000).step_by(1009).flat_map(signed).filter(|y| own.zero != 0 || *y >= 0.0) {
                let (guess, nearest) = (own.guess(y), own.bounds.partition_point(|bound| *bound <= y));
                assert!(guess <= nearest && nearest <= guess + 1, "{} {y:e}: {guess}, nearest {nearest}", own.name());
            }
            assert!(
                own.bounds.is_sorted()
                    && own.bounds.iter().zip(own.map.windows(2)).all(|(bound, pair)| pair[0] < *bound && *bound <= pair[1])
            );
        }
    }

    #[test]
    fn what_is_above_zero_is_not_zero() {
        assert_eq!(code(1e-30, 1.0), [127, 1]);
        assert_eq!(code(0.0, 1.0), [127, 0]);
        assert_eq!(code(1.0, 1.0), [255, 255]);
        assert_eq!(code(-1.0, 1.0)[0], 0);
    }

    #[test]
    fn what_is_no_number_spoils_no_block() {
        assert_eq!(code(f32::NAN, 2.0), [127, 0]);
        assert_eq!(code(f32::INFINITY, f32::MAX), [255, 255]);
        assert_eq!(super::super::format::scale([1.0, f32::NAN, -3.0].into_iter()), 3.0);
    }
}
