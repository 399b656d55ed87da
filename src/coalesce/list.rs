//! `List`: the entries of several micro-batches as one list, which is coalesced in the place of the caller's.

use super::source::{Part, Shape};
use crate::error::Result;
use crate::gpu::whole;
use crate::program::Window;

/// What the words before the rows of a list hold, by WGSL's names.
pub(super) const WORDS: [(&str, u32); 7] = [
    // Entries of earlier micro-batches, and how many of theirs there was no room for.
    ("KEPT", 0),
    ("KEPT_LOST", 1),
    // The same with the micro-batch that was appended last.
    ("COUNT", COUNT),
    ("LOST", LOST),
    // Where its entries begin, and how many of them there was room for.
    ("BASE", 4),
    ("TAKEN", 5),
    ("LIST_ROWS", ROWS),
];

const COUNT: u32 = 2;
const LOST: u32 = 3;

/// Words before the rows.
pub(super) const ROWS: u32 = 8;

/// Entries of several micro-batches.
#[derive(Clone, Debug)]
pub(crate) struct List {
    /// [`WORDS`], and for each entry its row.
    pub(crate) rows: wgpu::Buffer,
    /// For each entry its gradient row, in f32.
    pub(crate) gradient: wgpu::Buffer,
    /// Entries that there is room for.
    pub(super) room: u32,
}

impl List {
    /// Room for so many entries as this shape has.
    pub(super) fn new(device: &wgpu::Device, name: &str, shape: &Shape) -> Result<Self> {
        let rows = whole(device, &format!("{name}: the rows of micro-batches"), 4 * (u64::from(ROWS) + u64::from(shape.most)))?;
        let gradient = whole(device, &format!("{name}: the gradient rows of micro-batches"), 4 * shape.elements(name)?)?;
        Ok(List { rows, gradient, room: shape.most })
    }

    /// What is bound of rows, gradient and count to coalesce them, and where it is written how many there was no room for.
    pub(super) fn parts(&self) -> ([Part; 3], u32) {
        let all = |buffer: &wgpu::Buffer, at| Part { window: Window { buffer: 0, offset: 0, size: buffer.size() }, at };
        ([all(&self.rows, ROWS), all(&self.gradient, 0), all(&self.rows, COUNT)], LOST)
    }

    /// Records that it begins with what another one has kept, as far as there is room.
    pub(crate) fn take(&self, encoder: &mut wgpu::CommandEncoder, before: &List) {
        for (from, to) in [(&before.rows, &self.rows), (&before.gradient, &self.gradient)] {
            encoder.copy_buffer_to_buffer(from, 0, to, 0, from.size().min(to.size()));
        }
    }

    /// The words before the rows, of so many entries that are kept.
    pub(crate) fn head(kept: u32) -> [u32; ROWS as usize] {
        [kept, 0, 0, 0, 0, 0, 0, 0]
    }

    /// Entries that there is room for.
    pub(crate) fn room(&self) -> usize {
        self.room as usize
    }

    /// What is kept, of the words of `rows` and `gradient`: the rows of the entries, and their gradient rows.
    pub(crate) fn kept(words: [Vec<u32>; 2]) -> (Vec<u32>, Vec<u32>) {
        let [mut rows, mut gradient] = words;
        let most = rows.len().saturating_sub(ROWS as usize);
        let kept = rows.first().map_or(0, |&kept| most.min(kept as usize));
        gradient.truncate(gradient.len().checked_div(most).unwrap_or_default() * kept);
        let rows = rows.drain(..).skip(ROWS as usize).take(kept).collect();
        (rows, gradient)
    }

    /// Bytes of both buffers.
    pub(super) fn bytes(&self) -> u64 {
        self.rows.size() + self.gradient.size()
    }
}

#[cfg(test)]
mod tests {
    use super::{List, ROWS};

    #[test]
    fn what_is_kept_is_as_long_as_the_head_says() {
        let words = |kept| [[&List::head(kept)[..], &[7, 8, 9]].concat(), vec![1, 2, 3, 4, 5, 6]];
        assert_eq!(List::kept(words(2)), (vec![7, 8], vec![1, 2, 3, 4]));
        assert_eq!(List::kept(words(9)), (vec![7, 8, 9], vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(List::kept(words(0)), (vec![], vec![]));
        assert_eq!(List::head(1).len(), ROWS as usize);
    }
}
