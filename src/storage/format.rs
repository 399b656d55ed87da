//! `Format`: how the numbers of a lane lie in words. Each has a file in Rust and one in WGSL, and a line here; nobody else names one.

use std::borrow::Cow;

use super::{bf16, dynamic8, f16};

/// How the numbers of a lane lie in words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// As f32, a word each.
    #[default]
    F32,
    /// As bf16.
    Bf16,
    /// As f16.
    F16,
    /// Their roots as f16: of numbers that are not negative.
    F16Root,
    /// In 8 bits, with a sign.
    Signed8,
    /// In 8 bits, without a sign.
    Unsigned8,
}

/// Elements that share a scale, where there are scales.
pub const BLOCK: u64 = 256;

/// What a block's scale is at least, as in torchao.
pub(super) const LEAST_SCALE: f32 = 1e-12;

/// What a number is stored with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct With {
    /// The scale of its block.
    pub(crate) scale: f32,
    /// The number drawn for it, if rounding is stochastic.
    pub(crate) drawn: Option<u32>,
}

/// How numbers of fewer than 32 bits are stored. What an encoder does not see is another number: encoding what was decoded gives the same code.
pub(crate) trait Packed: Sync {
    /// What it is called in WGSL, `encoded_NAME` and `decoded_NAME`, and in files.
    fn name(&self) -> &'static str;
    /// Bits of a number: 8 or 16.
    fn bits(&self) -> u32;
    /// Whether blocks of [`BLOCK`] share a scale.
    fn has_scales(&self) -> bool;
    /// Whether roots are stored.
    fn is_root(&self) -> bool {
        false
    }
    /// The type of its codes in a safetensors file.
    fn file_type(&self) -> &'static str;
    /// The WGSL text, in parts that formats may share: its two functions and what they need.
    fn wgsl(&self) -> Vec<Cow<'static, str>>;
    /// How kernels come by the numbers of a map, where there is one: looked up in the workgroup's memory, which `fill_NAME` fills first, or formed each time.
    fn map_wgsl(&self, _looks_up: bool) -> Option<String> {
        None
    }
    /// The code of a number, or of its root: it does not fall where the number rises.
    fn encode(&self, x: f32, with: With) -> u32;
    /// The number, or its root, of a code.
    fn decode(&self, code: u32, scale: f32) -> f32;
}

impl Format {
    const ALL: [Format; 6] = [Format::F32, Format::Bf16, Format::F16, Format::F16Root, Format::Signed8, Format::Unsigned8];

    /// How it packs numbers; `None` for f32.
    pub(crate) fn packed(self) -> Option<&'static dyn Packed> {
        match self {
            Format::F32 => None,
            Format::Bf16 => Some(&bf16::Bf16),
            Format::F16 => Some(&f16::F16),
            Format::F16Root => Some(&f16::Root),
            Format::Signed8 => Some(&dynamic8::SIGNED),
            Format::Unsigned8 => Some(&dynamic8::UNSIGNED),
        }
    }

    /// What it is called in checkpoints; f32 has no name.
    pub(crate) fn name(self) -> &'static str {
        self.packed().map_or("", Packed::name)
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Bits of a number.
    pub fn bits(self) -> u32 {
        self.packed().map_or(32, Packed::bits)
    }

    /// Whether blocks have scales.
    pub fn has_scales(self) -> bool {
        self.packed().is_some_and(Packed::has_scales)
    }

    /// Words of so many numbers, whose last one may be begun.
    pub(crate) fn words(self, elements: u64) -> u64 {
        self.bytes(elements) / 4
    }

    /// Bytes of so many numbers, in whole words, without scales.
    pub fn bytes(self, elements: u64) -> u64 {
        elements.div_ceil(u64::from(32 / self.bits())) * 4
    }

    /// The words of these numbers; `scales` are those of the blocks, where there are some.
    pub(crate) fn encode(self, numbers: &[f32], scales: &[f32]) -> Vec<u32> {
        let Some(packed) = self.packed() else { return numbers.iter().map(|x| x.to_bits()).collect() };
        let (bits, per_word) = (packed.bits(), (32 / packed.bits()) as usize);
        let code = |(element, &x): (usize, &f32)| {
            let x = if packed.is_root() { x.sqrt() } else { x };
            packed.encode(x, With { scale: scale_of(scales, element), drawn: None })
        };
        let codes: Vec<u32> = numbers.iter().enumerate().map(code).collect();
        let word = |codes: &[u32]| codes.iter().rev().fold(0_u32, |word, code| word.checked_shl(bits).unwrap_or_default() | code);
        codes.chunks(per_word).map(word).collect()
    }

    /// So many numbers of these words and scales.
    pub(crate) fn decode(self, words: &[u32], scales: &[f32], elements: usize) -> Vec<f32> {
        let Some(packed) = self.packed() else { return words.iter().copied().map(f32::from_bits).collect() };
        let (bits, per_word) = (packed.bits(), (32 / packed.bits()) as usize);
        let number = |element: usize| {
            let code = words[element / per_word] >> (bits * (element % per_word) as u32) & (u32::MAX >> (32 - bits));
            let x = packed.decode(code, scale_of(scales, element));
            if packed.is_root() { x * x } else { x }
        };
        (0..elements).map(number).collect()
    }

    /// The scales of the blocks of these numbers; none where there are none.
    pub(crate) fn scales(self, numbers: &[f32]) -> Vec<f32> {
        match self.has_scales() {
            true => numbers.chunks(BLOCK as usize).map(|block| scale(block.iter().copied())).collect(),
            false => Vec::new(),
        }
    }
}

/// The scale of the block of an element; 1 where there are no scales.
fn scale_of(scales: &[f32], element: usize) -> f32 {
    scales.get(element / BLOCK as usize).copied().unwrap_or(1.0)
}

/// The scale of a block: its largest magnitude. A NaN does not count, since the value beside it is none either; an infinity is the largest number.
pub(crate) fn scale(block: impl Iterator<Item = f32>) -> f32 {
    block.map(|x| storable(x).abs()).fold(LEAST_SCALE, f32::max)
}

/// What is stored in 8 bits of any number: 0 of a NaN, the largest number of an infinite one.
pub(super) fn storable(x: f32) -> f32 {
    if x.is_nan() { 0.0 } else { x.clamp(f32::MIN, f32::MAX) }
}
