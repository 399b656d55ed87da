// What the values were is kept aside, in the place of what they become.
fn show(row: Row, change: u32, steps: u32, invocation: u32) {
    let lane = select(FIRST_AVERAGE + change - EXCHANGE, ASIDE, change == EVALUATE);
    for (var i = 4u * invocation; i < row.count; i += TURN) {
        let left = row.count - i;
        let at = lane_at(row, lane, i);
        let p = load_value(row, i, left);
        var shown = load_lane(at, 4u);
        if change == EVALUATE {
            shown = evaluated(row, i, p);
        }
        store_value(row, i, left, shown, p);
        store_copy(row, steps, i, left, shown);
        store_lane(at, 4u, p, p);
    }
}
