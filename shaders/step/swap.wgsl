// Exchanges the values of one row with their average, where there is one.
fn work(row: Row, invocation: u32) {
    if record[row.record + STEP] >= FIRST {
        exchange(row, invocation);
    }
}
