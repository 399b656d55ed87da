// One stage of a rule over one row.
fn work(row: Row, invocation: u32) {
    let given = load_given(row.record);
    if idle(row, given, invocation) {
        return;
    }
    sweep(row, given, load_hyper(row.hyper), load_scalars(row.record + SCALARS), whole_of(row), invocation);
    finish(row, invocation);
}
