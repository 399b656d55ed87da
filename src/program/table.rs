//! The table of parameters, in which rows look up what belongs to a parameter. Tensors that move change entries of it, and rows stay.

use core::ops::Range;

use super::arrays::{Bytes, Use, touches};
use super::{Access, Array, Bucket, Limits, Listed, Mask, Place, Purpose, Scale, Tensor, Window};

crate::words::words! {
    /// What the rows of a bucket look up about a parameter. Where elements are, these are places in the windows, modulo 2^32, at which the tensor's first
    /// element would be.
    pub struct ParamEntry {
        /// The values.
        value: u32,
        /// The gradients.
        gradient: u32,
        /// The first lane.
        state: u32,
        /// Elements from one lane to the next.
        stride: u32,
        /// Where the parameter's entry is in the step record.
        record: u32,
        /// Where the group's hyper-parameters are there.
        hyper: u32,
        /// Which of the kernel's pairs has it.
        pair: u32,
        /// The parameter's number.
        member: u32,
        /// Where the units' factors are in the step record.
        unit: u32,
        /// Elements of a unit.
        unit_length: u32,
        /// First scale of the tensor.
        scale: u32,
        /// Consecutive elements of one scale.
        scale_length: u32,
        /// Scales in all.
        scale_period: u32,
        /// First word of the row mask.
        mask: u32,
        /// Elements of a row that the mask has a word for.
        row_length: u32,
        /// Where the step counts of its rows begin, where rows have their own.
        row_steps: u32,
        /// The copy of the values in bf16, counted in its elements.
        copy: u32,
        /// What its stochastic rounding goes by, 0 where it rounds to the nearest.
        salt: u32,
        /// The tensor's element that is the first one of the state, modulo 2^32.
        origin: u32,
        /// What the stochastic rounding of its states goes by.
        state_salt: u32,
    }
}

/// Whose an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The tensor's number.
    pub tensor: usize,
    /// The elements that the bucket has of it.
    pub elements: Range<u64>,
}

/// Where a tensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// The values.
    pub value: Place,
    /// The gradients.
    pub gradient: Place,
    /// Whether a step writes these.
    pub zero_grad: bool,
    /// Scales of the learning rate.
    pub scale: Option<Scale>,
    /// Which rows a step updates.
    pub mask: Option<Mask>,
    /// Whether that is a list of rows.
    pub listed: Option<Listed>,
    /// The copy of the values in bf16.
    pub copy: Option<Place>,
}

impl Tensor {
    /// Where it is.
    pub fn places(&self) -> Places {
        Places {
            value: self.value,
            gradient: self.gradient,
            zero_grad: self.zero_grad,
            scale: self.scale,
            mask: self.mask,
            listed: self.listed,
            copy: self.copy,
        }
    }
}

/// An array of a bucket whose tensors have moved.
#[derive(Clone, Copy, Debug)]
struct Moved {
    bytes: Bytes,
    array: Array,
}

impl Bucket {
    /// The windows and the entries of the same bucket where its tensors, by their numbers, are in these places; `None` where a plan for these would have
    /// other arrays, or the windows do not fit.
    pub fn moved(&self, places: &[Places], purpose: Purpose, limits: &Limits) -> Option<(Vec<Window>, Vec<ParamEntry>)> {
        let mut arrays: Vec<Option<Moved>> = vec![None; self.kernel.arrays.len()];
        for (owner, entry) in self.owners.iter().zip(&self.entries) {
            let pair = self.kernel.pairs.get(entry.pair as usize)?;
            for touch in touches(&places[owner.tensor], self.kernel.kind.adaptive, &owner.elements, purpose).into_iter().flatten() {
                let number = match touch.is {
                    Use::Values => pair.values,
                    Use::Gradients => pair.gradients,
                    Use::Scales => pair.scales?,
                    Use::Mask => pair.mask?,
                    Use::Copy => pair.copy?,
                };
                let bytes = touch.bound(limits);
                let own = Moved { bytes: bytes.hull(bytes, limits), array: touch.array(self.scalar, limits) };
                let array = arrays.get_mut(number)?;
                *array = Some(array.map_or(Some(own), |array| array.joined(own, limits))?);
            }
        }
        let mut arrays = arrays.into_iter().collect::<Option<Vec<Moved>>>()?;
        let fits = arrays.iter().all(|array| array.bytes.len() <= limits.binding);
        (fits && agree(&mut arrays, limits)).then_some(())?;
        arrays.iter().map(|moved| moved.array).eq(self.kernel.arrays.iter().copied()).then_some(())?;
        let entry = |(owner, entry): (&Owner, &ParamEntry)| {
            let (places, pair) = (&places[owner.tensor], self.kernel.pairs[entry.pair as usize]);
            let scale = places.scale.zip(pair.scales).map_or(0, |(scale, array)| arrays[array].bytes.element(scale.place));
            let mask = places.mask.zip(pair.mask).map_or(0, |(mask, array)| arrays[array].bytes.element(mask.place));
            let copy = places.copy.zip(pair.copy).map_or(0, |(copy, array)| arrays[array].bytes.element(copy));
            let value = arrays[pair.values].bytes.element(places.value);
            ParamEntry { value, gradient: arrays[pair.gradients].bytes.element(places.gradient), scale, mask, copy, ..*entry }
        };
        let entries = self.owners.iter().zip(&self.entries).map(entry).collect();
        Some((arrays.iter().map(|moved| moved.bytes.window()).collect(), entries))
    }
}

impl Moved {
    /// Both in one array, if they are of one buffer.
    fn joined(self, other: Moved, limits: &Limits) -> Option<Moved> {
        let (own, others) = (self.array, other.array);
        let array = Array {
            access: if others.access == Access::Scalar { Access::Scalar } else { own.access },
            values: own.values || others.values,
            gradients: own.gradients || others.gradients,
            scales: own.scales || others.scales,
            masks: own.masks || others.masks,
            copies: own.copies || others.copies,
            written: own.written || others.written,
            halves: own.halves,
        };
        let array = array.mixed(others.halves);
        (self.bytes.buffer == other.bytes.buffer).then(|| Moved { bytes: self.bytes.hull(other.bytes, limits), array })
    }
}

/// Whether a plan would have so many arrays, and a device binds them side by side; arrays of a buffer that is written are written.
fn agree(arrays: &mut [Moved], limits: &Limits) -> bool {
    let mut order: Vec<(usize, usize)> = arrays.iter().map(|own| own.bytes.buffer).zip(0..).collect();
    order.sort_unstable();
    order.chunk_by(|a, b| a.0 == b.0).filter(|own| own.len() > 1).all(|own| {
        let own: Vec<usize> = own.iter().map(|&(_, number)| number).collect();
        let written = own.iter().any(|&number| arrays[number].array.written);
        own.iter().for_each(|&number| arrays[number].array.written = written);
        let clash = |a: Moved, b: Moved| {
            let is_one = a.array.is_of_type(&b.array) && a.bytes.hull(b.bytes, limits).len() <= limits.binding;
            is_one || (written && a.bytes.overlaps(b.bytes))
        };
        own.iter().enumerate().all(|(at, &number)| own[..at].iter().all(|&other| !clash(arrays[number], arrays[other])))
    })
}
