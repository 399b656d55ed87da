// The same row by row, where nothing is added up over columns: software adapters then read consecutive elements.
fn sweep(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    for (var k = 0u; k < row.height; k++) {
        let rows = rows_of(tile, k);
        for (var v = invocation; v < vectors; v += INVOCATIONS) {
            let left = row.width - 4u * v;
            let i = k * row.columns + 4u * v;
            let columns = columns_of(tile, 4u * v, left);
            let before = value_of(row, i, left);
            var p = before;
            var state = load_state(row, tile, rows, columns, whole, i, left);
            apply(h, s, own, row, i, left, &p, &state);
            store_state(row, i, left, state);
            store_p(row, i, left, p, before);
            add_to_row(k * vectors + v, state, left);
        }
    }
}
