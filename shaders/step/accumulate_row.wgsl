fn accumulate(row: Row, is_first: bool, invocation: u32) {
    for (var i = 4u * invocation; i < row.count; i += TURN) {
        let left = row.count - i;
        let at = lane_at(row, ACCUMULATED, i);
        let gradient = load_gradient(row, i, left);
        clear_gradient(row, i, left, gradient);
        let sum = select(load_lane(at, 4u) + gradient, gradient, is_first);
        store_lane(at, 4u, sum, sum);
    }
}
