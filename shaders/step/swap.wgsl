// Exchanges the values of one row with their average, where there is one.
fn work(row: Row, invocation: u32) {
    if record[row.record + STEP] < FIRST {
        return;
    }
    let own = span(row, invocation);
    for (var i = own.begin; i < own.end; i += TURN) {
        let left = row.count - i;
        let at = lane_at(row, LANE, i);
        let p = load_value(row.value + i, left);
        store_value(row.value + i, left, load_lane(at, 4u), p);
        store_lane(at, 4u, p, p);
    }
}
