// One pass of a rule over the elements of one row.
fn sweep(row: Row, given: Given, h: Hyper, s: Scalars, invocation: u32) {
    for (var i = 4u * invocation; i < row.count; i += TURN) {
        let left = row.count - i;
        let before = load_value(row, i, left);
        var p = before;
        var state = load_state(row, i);
        apply(h, s, given, row, i, left, &p, &state);
        store_state(row, i, state);
        store_value(row, i, left, p, before);
    }
}
