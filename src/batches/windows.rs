//! What each dispatch of a gather has bound, as plain data: a window of the source by a window of the destination, where neither column
//! fits in one binding.

use crate::program::{Limits, Window};
use crate::words::words;

/// Elements of the batch that one workgroup writes: 16 turns of 64 invocations. A row number for each takes 4 KiB of the 16 KiB of
/// workgroup memory that WebGPU has at least.
pub(super) const ELEMENTS: u64 = 1024;

/// A window's bytes are counted in 32 bits with one to spare, whatever a device could bind.
const MOST: u64 = 1 << 31;

words! {
    /// What one dispatch does: those rows of the batch that are in the source's window, as far as they are in the destination's.
    #[derive(Eq, Hash)]
    pub(super) struct Task {
        /// Elements of a row.
        width: u32,
        /// The first row of the data set in the source's window.
        source_row: u32,
        /// How many there are.
        source_rows: u32,
        /// Where the first is, in elements from the window's start.
        source_at: u32,
        /// The row of the batch that the destination's window begins in.
        row: u32,
        /// The element of that row.
        column: u32,
        /// Elements of the destination's window.
        count: u32,
        /// Where the first is, in elements from the window's start.
        destination_at: u32,
    }
}

/// One dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) task: Task,
    pub(super) source: Window,
    pub(super) destination: Window,
}

/// Rows one after the other in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Matrix {
    pub(super) rows: u64,
    /// Elements of a row.
    pub(super) width: u64,
    /// Bytes of an element.
    pub(super) element: u64,
    /// Where it begins, in bytes.
    pub(super) offset: u64,
}

/// The dispatches that gather a batch, as few as the limits allow. Fails with the bytes that one row of the source needs if that is more
/// than can be bound.
pub(super) fn parts(source: Matrix, destination: Matrix, limits: &Limits) -> Result<Vec<Part>, u64> {
    let sources = pieces(source.rows, source.width * source.element, source.offset, u64::MAX, limits)?;
    let dispatched = limits.workgroups.saturating_mul(limits.workgroups).saturating_mul(ELEMENTS);
    let destinations = pieces(destination.rows * destination.width, destination.element, destination.offset, dispatched, limits)?;
    let part = |from: &Piece, to: &Piece| Part {
        task: Task {
            width: source.width as u32,
            source_row: from.first as u32,
            source_rows: from.count as u32,
            source_at: (from.before / source.element) as u32,
            row: (to.first / source.width) as u32,
            column: (to.first % source.width) as u32,
            count: to.count as u32,
            destination_at: (to.before / destination.element) as u32,
        },
        source: from.window,
        destination: to.window,
    };
    Ok(destinations.iter().flat_map(|to| sources.iter().map(move |from| part(from, to))).collect())
}

/// Consecutive items within one window.
struct Piece {
    window: Window,
    /// Bytes of the window before the first item, since windows begin at multiples of the alignment.
    before: u64,
    first: u64,
    count: u64,
}

/// Cuts `items` of some bytes each, the first at `offset`, into pieces of at most `most` items that can be bound.
fn pieces(items: u64, bytes: u64, offset: u64, most: u64, limits: &Limits) -> Result<Vec<Piece>, u64> {
    let binding = limits.binding.min(MOST) & !3;
    let mut pieces = Vec::new();
    let mut first = 0;
    while first < items {
        let start = offset + first * bytes;
        let before = start % limits.alignment;
        let count = (binding.saturating_sub(before) / bytes).min(items - first).min(most);
        if count == 0 {
            return Err((before + bytes).next_multiple_of(4));
        }
        let size = (before + count * bytes).next_multiple_of(4);
        pieces.push(Piece { window: Window { buffer: 0, offset: start - before, size }, before, first, count });
        first += count;
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::{Limits, Matrix, Part, Window, parts};

    /// Every row of the data set meets every element of the batch in exactly one part, at its place in both windows.
    fn check(source: Matrix, destination: Matrix, limits: &Limits) -> Vec<Part> {
        let parts = parts(source, destination, limits).unwrap_or_else(|needed| panic!("{needed} bytes"));
        let (rows, elements) = (source.rows as usize, (destination.rows * destination.width) as usize);
        let mut met = vec![0; rows * elements];
        for Part { task, source: from, destination: to } in &parts {
            for window in [from, to] {
                assert!(window.size <= limits.binding && window.size % 4 == 0 && window.offset % limits.alignment == 0, "{window:?}");
            }
            let start = |window: &Window, at: u32, element: u64| window.offset + u64::from(at) * element;
            let first_row = (start(from, task.source_at, source.element) - source.offset) / (source.width * source.element);
            let end = u64::from(task.source_at) + u64::from(task.source_rows * task.width);
            assert!(first_row == u64::from(task.source_row) && end * source.element <= from.size, "{task:?} in {from:?}");
            let first = (start(to, task.destination_at, 4) - destination.offset) / 4;
            assert_eq!(first, u64::from(task.row) * destination.width + u64::from(task.column));
            assert!(4 * u64::from(task.destination_at + task.count) <= to.size, "{task:?} in {to:?}");
            for row in task.source_row..task.source_row + task.source_rows {
                (first..first + u64::from(task.count)).for_each(|element| met[row as usize * elements + element as usize] += 1);
            }
        }
        assert!(met.iter().all(|&times| times == 1), "{source:?} {destination:?} {limits:?}");
        parts
    }

    #[test]
    fn windows_cover_everything_once() {
        for (binding, alignment) in [(64, 16), (256, 32), (1000, 256), (1 << 20, 256)] {
            let limits = Limits { binding, alignment, workgroups: 65_535, buffer: 1 << 30, ..Limits::DEFAULT };
            for (rows, batch, width) in [(1, 1, 1), (40, 7, 1), (50, 50, 3), (33, 10, 11)] {
                for (element, from, to) in [(4, 0, 0), (4, 8, 4), (1, 12, 36), (1, 260, 252)] {
                    let source = Matrix { rows, width, element, offset: from };
                    check(source, Matrix { rows: batch, width, element: 4, offset: to }, &limits);
                }
            }
        }
    }

    #[test]
    fn what_fits_is_one_dispatch_and_what_does_not_says_how_much() {
        let limits = Limits::DEFAULT;
        let [source, destination] = [(60_000, 1), (100, 4)].map(|(rows, element)| Matrix { rows, width: 784, element, offset: 0 });
        assert_eq!(parts(source, destination, &limits).map(|parts| parts.len()), Ok(1));
        let narrow = Limits { binding: 3000, ..limits };
        let wide = Matrix { element: 4, offset: 4, ..source };
        assert_eq!(parts(wide, destination, &narrow), Err(4 + 4 * 784));
    }

    #[test]
    fn few_workgroups_make_more_windows() {
        let limits = Limits { binding: 1 << 20, alignment: 256, workgroups: 2, buffer: 1 << 30, ..Limits::DEFAULT };
        let [source, destination] = [3, 5000].map(|rows| Matrix { rows, width: 1, element: 4, offset: 0 });
        assert_eq!(check(source, destination, &limits).iter().map(|part| part.task.count).collect::<Vec<_>>(), [4096, 904]);
    }
}
