// Changes what the values of one row show, as view.wgsl decided.
fn work(row: Row, invocation: u32) {
    let change = load_step_entry(row.record).is_active;
    if change != KEEP {
        show(row, change, invocation);
    }
}
