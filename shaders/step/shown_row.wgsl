// Of consecutive elements, whose lanes have room for whole vectors.
fn show(row: Row, change: u32, steps: u32, invocation: u32) {
    for (var i = 4u * invocation; i < row.count; i += TURN) {
        exchange(row, change, steps, i, row.count - i, 4u);
    }
}
