// Writes the copies in bf16 of the values of one row.
fn work(row: Row, invocation: u32) {
    copy(row, load_step_entry(row.record).step, invocation);
}
