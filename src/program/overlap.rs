//! Finds two tensors that overlap in a buffer although one of them is written.

/// Bytes that a tensor occupies in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The buffer's number.
    pub buffer: usize,
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// Whether a step writes here.
    pub written: bool,
    /// Whatever tells the caller whose interval this is.
    pub owner: usize,
}

/// The owners of two intervals that overlap although one of them is written, if there are any. Two that are only read may overlap.
pub fn overlap(mut intervals: Vec<Interval>) -> Option<(usize, usize)> {
    intervals.sort_by_key(|interval| (interval.buffer, interval.start, interval.end));
    let mut furthest: [Option<Interval>; 2] = [None, None];
    for interval in intervals {
        let candidates = if interval.written { &furthest[..] } else { &furthest[1..] };
        let hit = candidates.iter().flatten().find(|other| other.buffer == interval.buffer && other.end > interval.start);
        if let Some(other) = hit {
            return Some((other.owner, interval.owner));
        }
        let kind = &mut furthest[usize::from(interval.written)];
        if kind.is_none_or(|other| other.buffer != interval.buffer || other.end < interval.end) {
            *kind = Some(interval);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(owner: usize, start: u64, end: u64, written: bool) -> Interval {
        Interval { buffer: 0, start, end, written, owner }
    }

    #[test]
    fn values_may_touch_but_not_overlap() {
        assert_eq!(overlap(vec![interval(0, 0, 8, true), interval(1, 8, 16, true)]), None);
        assert_eq!(overlap(vec![interval(0, 0, 8, true), interval(1, 4, 16, true)]), Some((0, 1)));
    }

    #[test]
    fn a_long_interval_is_remembered_past_shorter_ones() {
        let intervals = vec![interval(0, 0, 100, true), interval(1, 200, 204, false), interval(2, 96, 100, false)];
        assert_eq!(overlap(intervals), Some((0, 2)));
        let intervals = vec![interval(0, 0, 100, false), interval(1, 8, 12, false), interval(2, 40, 44, true)];
        assert_eq!(overlap(intervals), Some((0, 2)));
    }

    #[test]
    fn gradients_may_overlap_and_buffers_are_apart() {
        assert_eq!(overlap(vec![interval(0, 0, 8, false), interval(1, 4, 16, false)]), None);
        let other = Interval { buffer: 1, ..interval(1, 0, 8, true) };
        assert_eq!(overlap(vec![interval(0, 0, 8, true), other]), None);
    }
}
