//! `Widths`: how the lanes of a segment lie, where some have fewer bits for a number than others.

use crate::storage::BLOCK;

/// How the lanes of a segment lie, one after the other: those of f32, those of fewer bits, and the scales of blocks. WGSL follows it in `shaders/storage/lanes.wgsl`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Widths {
    /// Lanes of f32.
    pub whole: u64,
    /// Bits of a number of each other lane: 8 or 16.
    pub packed: Vec<u32>,
    /// Lanes of scales.
    pub scales: u64,
}

/// Elements of a segment are a multiple of so many where lanes have fewer bits: each lane then begins where it can be bound.
pub(super) const GRANULE: u64 = 1024;

/// Bytes at which lanes begin that have fewer bits: the largest alignment of bindings that WebGPU knows.
const ALIGNMENT: u64 = 256;

impl Widths {
    /// Of lanes of so many bits, in their order.
    pub(crate) fn new(lanes: impl IntoIterator<Item = (u32, bool)>) -> Self {
        let mut widths = Widths::default();
        for (bits, is_scale) in lanes {
            match bits {
                _ if is_scale => widths.scales += 1,
                32 => widths.whole += 1,
                bits => widths.packed.push(bits),
            }
        }
        widths
    }

    /// Whether all lanes are of f32.
    pub(crate) fn is_whole(&self) -> bool {
        self.packed.is_empty()
    }

    /// How many lanes there are.
    pub(crate) fn lanes(&self) -> u64 {
        self.whole + self.packed.len() as u64 + self.scales
    }

    /// Bits of all lanes for an element, without scales.
    fn bits(&self, packed: usize) -> u64 {
        32 * self.whole + self.packed[..packed].iter().map(|&bits| u64::from(bits)).sum::<u64>()
    }

    /// Bytes of a lane of scales, where a lane of f32 has so many.
    fn scales_stride(stride: u64) -> u64 {
        (stride / BLOCK).next_multiple_of(ALIGNMENT)
    }

    /// Where a lane begins, in bytes, where one of f32 has `stride`.
    pub(crate) fn offset(&self, lane: u64, stride: u64) -> u64 {
        let packed = (lane.saturating_sub(self.whole) as usize).min(self.packed.len());
        let scales = lane.saturating_sub(self.whole + self.packed.len() as u64);
        match lane < self.whole || self.is_whole() {
            true => lane * stride,
            false => self.bits(packed) * (stride / 32) + scales * Self::scales_stride(stride),
        }
    }

    /// Bytes of all lanes.
    pub(crate) fn bytes(&self, stride: u64) -> u64 {
        if self.is_whole() { self.whole * stride } else { self.offset(self.lanes(), stride) }
    }

    /// Bytes of so many elements of a lane, in whole words.
    pub(crate) fn bytes_of(&self, lane: u64, elements: u64) -> u64 {
        match self.packed.get(lane.wrapping_sub(self.whole) as usize) {
            _ if lane < self.whole => 4 * elements,
            Some(&bits) => (elements * u64::from(bits)).div_ceil(32) * 4,
            None => 4 * elements.div_ceil(BLOCK),
        }
    }

    /// Elements whose lanes are so many bytes together, at most.
    pub(crate) fn elements(&self, bytes: u64) -> u64 {
        if self.is_whole() {
            return bytes / (4 * self.whole.max(1));
        }
        // Scales take 32 bits for each block, and are rounded up.
        let bits = self.bits(self.packed.len()) + self.scales.div_ceil(8);
        bytes.saturating_sub(ALIGNMENT * self.scales) * 8 / bits
    }
}

#[cfg(test)]
mod tests {
    use super::{ALIGNMENT, GRANULE, Widths};

    #[test]
    fn lanes_lie_one_after_the_other() {
        let widths = Widths { whole: 1, packed: vec![16, 8, 8], scales: 2 };
        for elements in [GRANULE, 5 * GRANULE, 300 * GRANULE] {
            let offsets: Vec<u64> = (0..=widths.lanes()).map(|lane| widths.offset(lane, 4 * elements)).collect();
            assert!(offsets.iter().all(|offset| offset % ALIGNMENT == 0), "{offsets:?}");
            let ends = (0..widths.lanes()).map(|lane| offsets[lane as usize] + widths.bytes_of(lane, elements));
            assert!(ends.zip(&offsets[1..]).all(|(end, &next)| end <= next && next < end + ALIGNMENT), "{offsets:?}");
            assert_eq!(offsets.last(), Some(&widths.bytes(4 * elements)));
            assert!(widths.elements(widths.bytes(4 * elements)) <= elements + GRANULE);
            let most = widths.elements(1 << 20) / GRANULE * GRANULE;
            assert!(widths.bytes(4 * most) <= 1 << 20);
        }
    }

    #[test]
    fn whole_lanes_are_as_they_were() {
        let widths = Widths::new([(32, false); 3]);
        assert_eq!((widths.offset(2, 400), widths.bytes(400), widths.elements(1200)), (800, 1200, 100));
        // Whatever a device aligns by.
        assert_eq!(widths.offset(3, 16), 48);
        assert_eq!(Widths::default().bytes(400), 0);
    }
}
