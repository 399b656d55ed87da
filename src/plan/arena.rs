use core::ops::Range;

use super::{Limits, Place};

/// Part of a parameter's state: some of its elements, of every lane (a state tensor in use, or what a step keeps besides), one lane after
/// the other, so that one binding serves them all. A parameter has one segment, unless its lanes together are larger than can be bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which elements of the parameter.
    pub elements: Range<u64>,
    /// Where the first lane begins; the room is that of one lane. The buffer is the arena's page.
    pub place: Place,
    /// Bytes from one lane to the next.
    pub stride: u64,
    /// How many lanes there are.
    pub lanes: u64,
}

impl Segment {
    /// Where one lane begins.
    pub fn lane(&self, lane: u64) -> Place {
        Place { offset: self.place.offset + lane * self.stride, ..self.place }
    }
}

/// Where the state of every parameter lies: pages of as many bytes, each a buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arena {
    /// The bytes of each page.
    pub pages: Vec<u64>,
    /// Pages that are full, whatever their size.
    closed: usize,
}

impl Arena {
    /// Finds room for `lanes` lanes of a parameter of `len` elements. Each lane begins where it can be bound on its own and is padded to that
    /// alignment, so that state is always accessed as vectors.
    pub fn place(&mut self, lanes: usize, len: u64, limits: &Limits) -> Vec<Segment> {
        let (lanes, granule) = (lanes as u64, limits.alignment.max(16) / 4);
        if lanes == 0 {
            return Vec::new();
        }
        let most = limits.binding.min(limits.buffer) / (4 * lanes);
        let most = (most - most % granule).max(granule);
        let ranges = (0..len.div_ceil(most)).map(|index| index * most..len.min((index + 1) * most));
        ranges.map(|elements| self.segment(lanes, elements, granule, limits)).collect()
    }

    fn segment(&mut self, lanes: u64, elements: Range<u64>, granule: u64, limits: &Limits) -> Segment {
        let stride = 4 * (elements.end - elements.start).next_multiple_of(granule);
        let needed = lanes * stride;
        let fits = |page: &u64| page.saturating_add(needed) <= limits.buffer;
        if !self.pages[self.closed..].last().is_some_and(fits) {
            self.pages.push(0);
        }
        let buffer = self.pages.len() - 1;
        let offset = self.pages[buffer];
        self.pages[buffer] += needed;
        Segment { elements, place: Place { buffer, offset, room: stride }, stride, lanes }
    }

    /// Leaves the pages as they are: what is placed from now on takes new ones.
    pub fn close(&mut self) {
        self.closed = self.pages.len();
    }
}
