// Adds the gradients of one row to those accumulated for the next step; the first ones replace what is left of the last.
fn work(row: Row, invocation: u32) {
    let shows_trained = !VIEWS || record[VIEW] == TRAINED;
    if record[ORDER] == IN_ORDER && shows_trained && parameters[row.member].is_active != 0u {
        begin_row(row);
        accumulate(row, record[row.record + PENDING], invocation);
    }
}
