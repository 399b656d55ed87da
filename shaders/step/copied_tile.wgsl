// Of a tile.
fn copy(row: Row, steps: u32, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    for (var n = invocation; n < vectors * row.height; n += INVOCATIONS) {
        let i = n / vectors * row.columns + 4u * (n % vectors);
        let left = row.width - 4u * (n % vectors);
        store_copy(row, steps, i, left, load_value(row, i, left));
    }
}
