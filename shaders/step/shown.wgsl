// Changes what the values of one row show, as view.wgsl decided.
fn work(row: Row, invocation: u32) {
    let own = load_step_entry(row.record);
    if own.is_active != KEEP {
        fill_maps(invocation);
        show(row, own.is_active, own.step, invocation);
    }
}
