// One pass over the rows of a part of a parameter that are listed, because a row-sparse gradient has them; rows of other parts are theirs.

fn sweep(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, invocation: u32) {
    for (var n = 4u * invocation; n < row.count; n += TURN) {
        let place = place_of(row, n);
        let i = place.i;
        let left = place.left;
        if left == 0u {
            continue;
        }
        let before = value_of(row, i, left);
        var p = before;
        var state = load_state(row, tile, Rows(), Columns(), whole, i, left);
        apply(h, s, own, row, i, left, &p, &state);
        store_state(row, i, left, state);
        store_p(row, i, left, p, before);
    }
}
