// Averages of one part of a table whose gradient is row-sparse, in the rows that are not in the list: those that are, the update brings on.
fn work(row: Row, invocation: u32) {
    let own = load_step_entry(row.record);
    if own.is_active != 1u || !moves(own) {
        return;
    }
    begin_row(own);
    fill_maps(invocation);
    average(row, own, invocation);
}
