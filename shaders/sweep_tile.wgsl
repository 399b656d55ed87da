// One pass of a rule over a tile. Invocations lie beside one another in a row of it, as many as it has vectors, and the others in further rows.
fn sweep(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, invocation: u32) {
    let tile = tile_of(row);
    let vectors = (row.width + 3u) / 4u;
    let beside = min(vectors, INVOCATIONS);
    let below = INVOCATIONS / beside;
    if invocation >= beside * below {
        return;
    }
    for (var v = invocation % beside; v < vectors; v += beside) {
        let left = row.width - 4u * v;
        let columns = columns_of(tile, 4u * v, left);
        for (var k = invocation / beside; k < row.height; k += below) {
            let i = k * row.columns + 4u * v;
            let before = value_of(row, i, left);
            var p = before;
            var state = load_state(row, tile, rows_of(tile, k), columns, whole, i, left);
            apply(h, s, own, row, i, left, &p, &state);
            store_state(row, i, left, state);
            store_p(row, i, left, p, before);
            add_to_row(k * vectors + v, state, left);
        }
        end_column(row, v, beside, below, invocation, left);
    }
}
