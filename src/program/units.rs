//! How the norms of a tensor's rows are measured for adaptive clipping: which workgroup reads which rows, and where each sum goes.

use core::ops::Range;

use super::reduce::Levels;
use super::{Limits, pieces};

/// Units of which one workgroup forms the factors, at most.
const FACTORS: u32 = 1024;

/// A tensor's units, as so many workgroups form their factors: parameter, first slot, units, and where the factors go.
pub fn in_workgroups([parameter, slot, units, factors]: [u32; 4]) -> impl Iterator<Item = [u32; 4]> {
    let part = move |first: u32| [parameter, slot + first, FACTORS.min(units - first), factors + first];
    (0..units).step_by(FACTORS as usize).map(part)
}

/// How the norms of a tensor's units are measured: what each workgroup measures, and where each unit's sums are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// The elements of each workgroup: part of one unit, or as many whole units as fit.
    pub parts: Vec<Range<u64>>,
    /// Whether a workgroup has part of one unit, and so one sum; otherwise it has one for each of its units.
    pub long: bool,
}

impl Units {
    /// The parts of a tensor of `len` elements, in units of `length`.
    pub fn new(len: u64, length: u64, limits: &Limits) -> Units {
        let (long, most) = (length >= limits.long_units(), limits.measured());
        let parts = if long {
            pieces(0..len, length).flat_map(|unit| pieces(unit, most)).collect()
        } else {
            pieces(0..len, most - most % length).collect()
        };
        Units { parts, long }
    }

    /// The slots of the units, one each, from those of the parts.
    pub fn slots(&self, levels: &mut Levels, sums: Range<u32>, length: u64, limits: &Limits) -> Range<u32> {
        if !self.long {
            return sums;
        }
        let each = length.div_ceil(limits.measured()) as u32;
        let own = |unit: u32| core::iter::once(sums.start + unit * each..sums.start + (unit + 1) * each).collect();
        let slots = levels.sums((0..sums.len() as u32 / each).map(own).collect());
        slots[0]..slots[0] + slots.len() as u32
    }
}
