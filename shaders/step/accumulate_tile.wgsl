fn accumulate(row: Row, pending: u32, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    for (var n = invocation; n < vectors * row.height; n += INVOCATIONS) {
        let i = n / vectors * row.columns + 4u * (n % vectors);
        let left = row.width - 4u * (n % vectors);
        let gradient = load_gradient(row, i, left);
        clear_gradient(row, i, left, gradient);
        let before = load_accumulated(row, i, left);
        let sum = select(before + gradient, gradient, pending == 0u);
        store_accumulated(row, pending, i, left, sum, before);
    }
}
