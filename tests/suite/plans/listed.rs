//! Tables whose rows are listed are cut between rows, into as few parts as bindings allow, and each part has the whole list.

use wgpu_optim::program::{Kind, Limits, Listed, Mask, Place, Plan, Tensor, plan, tables};

use super::{LIMITS, placed, tensor};
use crate::context::Outcome;

/// Rows that there is room for.
const MOST: u64 = 1024;

fn table(rows: u64, row_length: u32) -> Tensor {
    let elements = rows * u64::from(row_length);
    let place = |buffer, words| Place { buffer, offset: 0, room: 4 * words, ..Place::default() };
    let whole_rows = row_length.is_multiple_of(4);
    Tensor {
        kind: Kind { listed: true, whole_rows, uneven: !whole_rows, ..Kind::default() },
        gradient: place(1, MOST * u64::from(row_length)),
        mask: Some(Mask { place: place(2, MOST), row_length }),
        listed: Some(Listed { most: MOST, elements }),
        granule: u64::from(row_length) * [1, 4, 2, 4][row_length as usize % 4],
        ..tensor(0, elements, (0, 0), (1, 0))
    }
}

/// Rows of the table that each dispatch has, for so many lanes.
fn parts(table: &Tensor, lanes: usize, limits: &Limits) -> Result<Vec<u64>, String> {
    let row_length = table.mask.map_or(1, |mask| u64::from(mask.row_length));
    let (tensors, sets) = placed(vec![table.clone()], lanes, limits);
    let own = plan(&tensors, &sets, limits).map_err(|needed| format!("{needed} bytes"))?;
    let all = tables(&tensors, &sets, limits).map_err(|needed| format!("{needed} bytes"))?;
    for bucket in own.buckets.iter().chain(&all.buckets) {
        let state = bucket.state.into_iter().map(|window| window.size);
        assert!(bucket.windows.iter().map(|window| window.size).chain(state).all(|size| size <= limits.binding));
    }
    let mut rows = Vec::new();
    for bucket in &own.buckets {
        for (row, entry) in bucket.rows.iter().map(|row| (row, bucket.entries[row.param as usize])) {
            assert!(
                u64::from(entry.origin).is_multiple_of(row_length)
                    && u64::from(row.element + row.count) <= MOST * row_length.next_multiple_of(4)
            );
            let part = (u64::from(entry.origin) / row_length, u64::from(row.height));
            if rows.last() != Some(&part) {
                rows.push(part);
            }
        }
    }
    // One after the other, and all.
    let end = rows.iter().try_fold(0, |end, &(first, count)| (first == end).then_some(end + count));
    assert_eq!(end, Some(table.len / row_length), "{rows:?}");
    let worked_on = |plan: &Plan| plan.buckets.iter().flat_map(|bucket| &bucket.rows).map(|row| u64::from(row.count)).sum::<u64>();
    assert_eq!(worked_on(&own), rows.len() as u64 * MOST * row_length.next_multiple_of(4), "each part has all of the list");
    assert_eq!(worked_on(&all), table.len, "and all elements of a table are in one part each");
    Ok(rows.into_iter().map(|(_, count)| count).collect())
}

/// GPT-2's embedding is more than WebGPU's default lets be bound, as values and with the state of Adam; one of few rows is not.
pub fn are_cut_between_rows() -> Outcome {
    assert_eq!(parts(&table(50_257, 768), 0, &LIMITS)?, [43_690, 6_567]);
    assert_eq!(parts(&table(50_257, 768), 2, &LIMITS)?, [21_845, 21_845, 6_567]);
    assert_eq!(parts(&table(20_000, 768), 2, &LIMITS)?, [20_000]);
    let narrow = Limits { binding: 64 << 10, ..LIMITS };
    // Of odd rows, as many as begin between vectors.
    assert_eq!(parts(&table(9_000, 3), 2, &narrow)?, [2_728, 2_728, 2_728, 816]);
    assert_eq!(parts(&table(40_000, 1), 1, &narrow)?, [16_320, 16_320, 7_360]);
    Ok(())
}
