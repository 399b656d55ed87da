//! How entries and elements are divided among workgroups and their invocations.

use crate::gpu::fold;

/// Workgroups that go through entries or elements in turns, where there are more of these: of 256 invocations, eight on each of the 132 multiprocessors of an
/// H200, twice.
const USUAL_WORKGROUPS: u64 = 2048;

/// Turns that they make at most: llvmpipe leaves loops after 65,535, and a turn has up to 16 along a run with 64 entries each.
const MOST_TURNS: u64 = 32;

/// Workgroups of so many invocations for so many items, at most so many in a dimension.
pub(super) fn spread(items: u64, invocations: u32, most: u64) -> (u32, u32) {
    let wanted = items.div_ceil(u64::from(invocations));
    fold(wanted.min(USUAL_WORKGROUPS.max(wanted.div_ceil(MOST_TURNS))), most)
}

/// How many invocations add up a run of so many elements together: a power of two of which few idle in the last turn.
pub(super) fn team(width: u32, invocations: u32) -> u32 {
    let mut sizes = core::iter::successors(Some(invocations), |size| Some(size / 2)).take_while(|&size| size > 1);
    let wide = u64::from(width);
    sizes.find(|&size| 7 * wide.next_multiple_of(size.into()) <= 8 * wide).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::team;

    #[test]
    fn teams_are_as_large_as_rows_serve() {
        for (width, expected) in
            [(1, 1), (2, 2), (3, 1), (4, 4), (7, 8), (16, 16), (100, 16), (192, 64), (250, 256), (256, 256), (768, 256), (1001, 256)]
        {
            assert_eq!(team(width, 256), expected, "{width}");
        }
        assert_eq!((team(192, 8), team(1, 8), team(u32::MAX, 256)), (8, 1, 256));
    }
}
