// Of a tile, whose lanes may have no room beside a row.
fn show(row: Row, change: u32, steps: u32, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    for (var n = invocation; n < vectors * row.height; n += INVOCATIONS) {
        let i = n / vectors * row.columns + 4u * (n % vectors);
        let left = row.width - 4u * (n % vectors);
        exchange(row, change, steps, i, left, left);
    }
}
