// One stage of a rule over one row.
fn work(row: Row, invocation: u32) {
    let own = load_step_entry(row.record);
    if idle(row, own, invocation) {
        return;
    }
    sweep(row, own, load_hyper(row.hyper), load_scalars(row.record + SCALARS), whole_of(row), invocation);
    finish(row, invocation);
}
