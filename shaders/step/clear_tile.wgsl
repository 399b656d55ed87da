// Sets the gradients of one tile to zero.
fn clear(row: Row, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    for (var n = invocation; n < vectors * row.height; n += INVOCATIONS) {
        let i = n / vectors * row.columns + 4u * (n % vectors);
        let left = row.width - 4u * (n % vectors);
        clear_gradient(row, i, left, load_gradient(row, i, left));
    }
}
