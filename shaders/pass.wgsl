// One pass of a rule over one row.
fn work(row: Row, invocation: u32) {
    let given = load_given(row.record);
    if idle(row, given, invocation) {
        return;
    }
    let h = load_hyper(row.hyper);
    let s = load_scalars(row.record + SCALARS);
    let own = span(row, invocation);
    for (var i = own.begin; i < own.end; i += TURN) {
        let left = row.count - i;
        let before = load_value(row.value + i, left);
        var p = before;
        var state = load_state(row, i);
        apply(h, s, given, row, i, left, &p, &state);
        store_state(row, i, state);
        store_value(row.value + i, left, p, before);
    }
    finish(row, invocation);
}
