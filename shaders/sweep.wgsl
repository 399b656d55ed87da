// One pass of a rule over the elements of one row.
fn sweep(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, invocation: u32) {
    for (var i = 4u * invocation; i < row.count; i += TURN) {
        let left = row.count - i;
        if !look(row, i, left) {
            begin_averages(own, row, i, left);
            continue;
        }
        let before = value_of(row, i, left);
        var p = before;
        var state = load_state(row, tile, Rows(), Columns(), whole, i, left);
        apply(h, s, own, row, i, left, &p, &state);
        store_state(row, i, left, state);
        store_p(row, i, left, p, before);
    }
    count_rows(row, invocation);
}
