// One pass over the rows of a part of a parameter that are listed, because a row-sparse gradient has them; rows of other parts are theirs. What a workgroup
// counts are the elements of the list's rows, each rounded up to whole vectors. `in_list` says where the gradient of what is worked on is, from the
// workgroup's first element on.

fn sweep(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, invocation: u32) {
    let padded = (row.row_length + 3u) / 4u * 4u;
    let first = row.origin / row.row_length;
    for (var n = 4u * invocation; n < row.count; n += TURN) {
        let entry = (row.element + n) / padded;
        let column = (row.element + n) % padded;
        let at = load_mask(row, row.mask + entry);
        // Where the list ends, stands what is past all rows.
        if at - first >= row.height {
            continue;
        }
        in_list = entry * row.row_length + column - row.element;
        let i = at * row.row_length + column - row.element;
        let left = row.row_length - column;
        let before = value_of(row, i, left);
        var p = before;
        var state = load_state(row, tile, Rows(), Columns(), whole, i, left);
        apply(h, s, own, row, i, left, &p, &state);
        store_state(row, i, left, state);
        store_p(row, i, left, p, before);
    }
}
