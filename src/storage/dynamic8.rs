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
    /// The code of 0.
    zero: u32,
    /// How many numbers its first decade has.
    parts: u32,
}

pub(super) const SIGNED: Dynamic8 = Dynamic8 { name: "signed8", map: map8::signed(), zero: 127, parts: 1 };
pub(super) const UNSIGNED: Dynamic8 = Dynamic8 { name: "unsigned8", map: map8::unsigned(), zero: 0, parts: 2 };

impl Dynamic8 {
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
        let first = self.parts - 1;
        let numbers = [("PARTS", self.parts), ("FIRST", first), ("LAST", first + 255 - self.zero), ("ZERO", self.zero)];
        let numbers = numbers.map(|(name, number)| format!("const {name}_signed8 = {number};\n")).concat();
        vec![BLOCKS.into(), self.named(&(numbers + WGSL)).into()]
    }

    fn map_wgsl(&self, looks_up: bool) -> Option<String> {
        Some(self.named(if looks_up { LOOKED_UP } else { FORMED }))
    }

    /// The code of the nearest of the map, the upper one of two. What is above 0 without a sign is not 0: it divides, and one step would be as long as thousands.
    fn encode(&self, x: f32, with: With) -> u32 {
        let (x, last) = (storable(x), self.map.len() - 2);
        let y = x / with.scale;
        let below = self.map.partition_point(|&own| own <= y).saturating_sub(1).min(last);
        let [low, high] = [self.map[below], self.map[below + 1]];
        let code = below as u32 + u32::from(y - low >= 0.5 * (high - low));
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
