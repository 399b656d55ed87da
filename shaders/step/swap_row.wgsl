fn exchange(row: Row, invocation: u32) {
    for (var i = 4u * invocation; i < row.count; i += TURN) {
        let left = row.count - i;
        let at = lane_at(row, LANE, i);
        let p = load_value(row, i, left);
        store_value(row, i, left, load_lane(at, 4u), p);
        store_lane(at, 4u, p, p);
    }
}
