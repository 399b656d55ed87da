// Adds the gradients of one row to those accumulated for the next step; the first ones replace what is left of the last.
fn work(row: Row, invocation: u32) {
    if entries[row.member].taking_part == 0u {
        return;
    }
    let is_first = record[row.record + PENDING] == 0u;
    let own = span(row, invocation);
    for (var i = own.begin; i < own.end; i += TURN) {
        let left = row.count - i;
        let at = lane_at(row, ACCUMULATED, i);
        let gradient = load_gradient(row.gradient + i, left);
        clear_gradient(row.gradient + i, left, gradient);
        let sum = select(load_lane(at, 4u) + gradient, gradient, is_first);
        store_lane(at, 4u, sum, sum);
    }
}
