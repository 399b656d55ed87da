// An element is what it was in the row that the index names; in a new row what the caller wrote, or the value in its place, or zero. Bits are moved, no arithmetic
// touches a float.
fn visit_one(own: MoveTask, i: u32, row: u32, column: u32) {
    let before = row_before(own, row);
    if before < own.rows {
        let source = before * own.width + column - own.source_first;
        if source < own.source_count {
            tensor[own.at + i] = before_tensor[own.source_at + source];
        }
    } else if own.begins == AS_VALUES {
        tensor[own.at + i] = values[own.values_at + i];
    } else if own.begins == AS_ZERO {
        tensor[own.at + i] = Element();
    }
}

fn row_before(own: MoveTask, row: u32) -> u32 {
    return rows_before[own.index_at + row] & ~select(0u, FRESH, own.copies != 0u);
}
