// Of consecutive elements.
fn copy(row: Row, steps: u32, invocation: u32) {
    for (var i = 4u * invocation; i < row.count; i += TURN) {
        let left = row.count - i;
        store_copy(row, steps, i, left, load_value(row, i, left));
    }
}
