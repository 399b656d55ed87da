fn accumulate(row: Row, is_first: bool, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    for (var n = invocation; n < vectors * row.height; n += INVOCATIONS) {
        let i = n / vectors * row.columns + 4u * (n % vectors);
        let left = row.width - 4u * (n % vectors);
        let at = lane_at(row, ACCUMULATED, i);
        let gradient = load_gradient(row, i, left);
        clear_gradient(row, i, left, gradient);
        let before = load_lane(at, left);
        let sum = select(before + gradient, gradient, is_first);
        store_lane(at, left, sum, before);
    }
}
