// What the values were is kept aside, in the place of what they become: those of a tile, whose rule has no evaluated values.
fn show(row: Row, change: u32, steps: u32, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    for (var n = invocation; n < vectors * row.height; n += INVOCATIONS) {
        let i = n / vectors * row.columns + 4u * (n % vectors);
        let left = row.width - 4u * (n % vectors);
        let at = lane_at(row, FIRST_AVERAGE + change - EXCHANGE, i);
        let p = load_value(row, i, left);
        let shown = load_lane(at, left);
        store_value(row, i, left, shown, p);
        store_copy(row, steps, i, left, shown);
        store_lane(at, left, p, shown);
    }
}
