//! What a dispatch binds of the caller's buffers: as few windows as there can be, none of which WebGPU refuses beside another.

use core::ops::Range;

use super::{Access, Array, Limits, Mask, Place, Places, Purpose, Scale, Window};

/// Bytes of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes {
    pub(super) buffer: usize,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Bytes {
    /// These elements of a tensor, in whole words; the end is rounded up to a granule.
    pub(super) fn of(place: Place, elements: &Range<u64>, granule: u64) -> Bytes {
        let per_word = 4 / place.bytes();
        let [start, end] = [elements.start / per_word, elements.end.div_ceil(per_word)].map(|word| place.offset + 4 * word);
        Bytes { buffer: place.buffer, start, end: start + (end - start).next_multiple_of(granule) }
    }

    /// The smallest window over both that can be bound.
    pub(super) fn hull(self, other: Bytes, limits: &Limits) -> Bytes {
        let start = self.start.min(other.start);
        Bytes { buffer: self.buffer, start: start - start % limits.alignment, end: self.end.max(other.end) }
    }

    pub(super) fn len(self) -> u64 {
        self.end - self.start
    }

    pub(super) fn window(self) -> Window {
        Window { buffer: self.buffer, offset: self.start, size: self.len() }
    }

    /// The element at which a place is, from the start of these on; what lies before wraps. Windows are at most 4 GiB.
    pub(super) fn element(self, place: Place) -> u32 {
        (place.offset as i64 - self.start as i64).div_euclid(place.bytes() as i64) as u32
    }

    pub(super) fn overlaps(self, other: Bytes) -> bool {
        self.buffer == other.buffer && self.start < other.end && other.start < self.end
    }
}

/// What a tensor's elements are in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Values,
    Gradients,
    Scales,
    Mask,
    Copy,
}

/// What some elements of a tensor touch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch {
    pub(super) bytes: Bytes,
    pub(super) is: Use,
    pub(super) written: bool,
    /// Whether vectors can serve them.
    pub(super) vectors: bool,
    /// Bytes of the whole buffer, or 0.
    pub(super) whole: u64,
    /// Whether these are values or gradients of 16 bits.
    pub(super) halves: bool,
}

impl Touch {
    /// What is bound for them: the whole buffer where that can be bound.
    pub(super) fn bound(&self, limits: &Limits) -> Bytes {
        let is_whole = (self.bytes.end..=limits.binding).contains(&self.whole);
        if is_whole { Bytes { start: 0, end: self.whole, ..self.bytes } } else { self.bytes }
    }

    /// An array of nothing else, before others of its buffer are looked at.
    pub(super) fn array(&self, scalar: bool, limits: &Limits) -> Array {
        let access = if self.vectors && !scalar { limits.division.vectors } else { Access::Scalar };
        Array { access, written: self.written, halves: self.halves, ..Array::default() }.also(self.is)
    }
}

/// What elements of a tensor touch of the caller's buffers, where it is in these places. Of one whose rows are listed, they are those of the table that a dispatch changes, or of the list that it
/// measures.
pub(super) fn touches(places: &Places, adaptive: bool, elements: &Range<u64>, purpose: Purpose) -> [Option<Touch>; 5] {
    let (updates, writes) = (purpose == Purpose::Update, purpose != Purpose::Measure);
    if elements.is_empty() {
        return [None; 5];
    }
    // Any of the listed rows may be any of the table's, or of a part of it.
    let row_length = places.mask.map_or(1, |mask| u64::from(mask.row_length));
    let [of_values, of_gradients] = match places.listed {
        Some(listed) => [if writes { elements.clone() } else { 0..listed.elements }, 0..listed.most * row_length],
        None => [elements.clone(), elements.clone()],
    };
    let touch = |place: Place, elements: &Range<u64>, is, written| {
        let vectors = place.serves(elements.end);
        let bytes = Bytes::of(place, elements, if vectors { 4 * place.bytes() } else { 4 });
        Touch { bytes, is, written, vectors, whole: place.whole, halves: place.halves }
    };
    let values = (writes || adaptive).then(|| touch(places.value, &of_values, Use::Values, writes));
    let read = |bytes, is, whole| Touch { bytes, is, written: false, vectors: false, whole, halves: false };
    let scales = places.scale.filter(|_| updates).map(|scale| read(scale.bytes(&of_values), Use::Scales, scale.place.whole));
    let mask = places.mask.map(|mask| read(mask.bytes(&of_gradients), Use::Mask, mask.place.whole));
    let copied = |place: Place| Touch { written: true, ..read(Bytes::of(place, &of_values, 4), Use::Copy, place.whole) };
    let copy = places.copy.filter(|_| writes).map(copied);
    let read = purpose != Purpose::Table;
    let gradients = read.then(|| touch(places.gradient, &of_gradients, Use::Gradients, updates && places.zero_grad));
    [gradients, values, scales, mask, copy]
}

impl Scale {
    /// The scales that these elements use.
    fn bytes(&self, part: &Range<u64>) -> Bytes {
        let (length, period) = (u64::from(self.length), u64::from(self.period));
        let (first, last) = (part.start / length, (part.end - 1) / length);
        let wraps = last - first >= period || first % period > last % period;
        let used = if wraps { 0..period } else { first % period..last % period + 1 };
        Bytes::of(self.place, &used, 4)
    }
}

impl Mask {
    /// The words of the rows that have these elements.
    fn bytes(&self, part: &Range<u64>) -> Bytes {
        let length = u64::from(self.row_length);
        Bytes::of(self.place, &(part.start / length..(part.end - 1) / length + 1), 4)
    }
}

impl Array {
    /// With these too.
    pub(super) fn also(mut self, is: Use) -> Self {
        match is {
            Use::Values => self.values = true,
            Use::Gradients => self.gradients = true,
            Use::Scales => self.scales = true,
            Use::Mask => self.masks = true,
            Use::Copy => self.copies = true,
        }
        self
    }

    /// With numbers of 16 bits too, or of 32: where it has both, it is an array of words.
    pub(super) fn mixed(self, halves: bool) -> Self {
        if self.halves == halves { self } else { Array { access: Access::Scalar, halves: true, ..self } }
    }

    /// Whether both can be one array: tensors, scales, masks and copies are of types of their own.
    pub(super) fn is_of_type(&self, other: &Array) -> bool {
        (self.scales, self.masks, self.copies) == (other.scales, other.masks, other.copies)
    }
}

/// An array in the making.
#[derive(Clone, Copy, Debug)]
struct Open {
    bytes: Bytes,
    array: Array,
}

/// The arrays of a dispatch in the making. They keep their numbers as more come.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrays {
    open: Vec<Open>,
}

impl Arrays {
    /// With these besides, in no more than `most` arrays, and the array of each; `None` if that cannot be bound.
    pub(super) fn with(&self, touches: &[Touch], most: usize, limits: &Limits) -> Option<(Arrays, Vec<usize>)> {
        let mut arrays = self.clone();
        let numbers = touches.iter().map(|touch| arrays.place(touch, limits)).collect::<Option<Vec<_>>>()?;
        (arrays.open.len() <= most).then_some((arrays, numbers))
    }

    /// Into an array that has its buffer already, if the window may grow so far, else into one more.
    fn place(&mut self, touch: &Touch, limits: &Limits) -> Option<usize> {
        let buffer = touch.bytes.buffer;
        // In one dispatch, a buffer is only read or it is written: all of its arrays then are.
        let of_buffer = |open: &&mut Open| open.bytes.buffer == buffer;
        let written = touch.written || self.open.iter().any(|open| open.bytes.buffer == buffer && open.array.written);
        let becomes_written = written && self.open.iter().any(|open| open.bytes.buffer == buffer && !open.array.written);
        self.open.iter_mut().filter(of_buffer).for_each(|open| open.array.written = written);
        let own = touch.bound(limits);
        let grown = |open: &Open| open.bytes.hull(own, limits);
        let wanted = Array::default().also(touch.is);
        let serves = |open: &Open| open.bytes.buffer == buffer && open.array.is_of_type(&wanted) && grown(open).len() <= limits.binding;
        let found = (0..self.open.len()).rev().find(|&index| serves(&self.open[index]));
        let number = found.unwrap_or(self.open.len());
        match found {
            Some(index) => self.open[index].bytes = grown(&self.open[index]),
            None => {
                let bytes = own.hull(own, limits);
                let array = Array { access: limits.division.vectors, written, halves: touch.halves, ..Array::default() };
                (bytes.len() <= limits.binding).then(|| self.open.push(Open { bytes, array }))?;
            }
        }
        // Those that were only read so far may overlap one another until now.
        let checked = if becomes_written { 0..self.open.len() } else { number..number + 1 };
        let apart = checked.into_iter().all(|index| self.is_apart(index));
        let array = &mut self.open[number].array;
        *array = array.also(touch.is).mixed(touch.halves);
        if !touch.vectors {
            array.access = Access::Scalar;
        }
        (apart || !written).then_some(number)
    }

    /// Whether no other array overlaps this one.
    fn is_apart(&self, number: usize) -> bool {
        let own = self.open[number].bytes;
        self.open.iter().enumerate().all(|(index, open)| index == number || !open.bytes.overlaps(own))
    }

    /// The element of an array at which a place is.
    pub(super) fn element(&self, array: usize, place: Place) -> u32 {
        self.open[array].bytes.element(place)
    }

    pub(super) fn arrays(&self) -> Vec<Array> {
        self.open.iter().map(|open| open.array).collect()
    }

    pub(super) fn windows(&self) -> Vec<Window> {
        self.open.iter().map(|open| open.bytes.window()).collect()
    }
}
