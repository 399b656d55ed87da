// What four values were is kept aside, in the place of what they become; lanes may be touched for `room` elements.
fn exchange(row: Row, change: u32, steps: u32, i: u32, left: u32, room: u32) {
    let lane = select(FIRST_AVERAGE + change - EXCHANGE, ASIDE, change == EVALUATE);
    let at = lane_at(row, lane, i);
    let p = load_value(row, i, left);
    var shown = load_lane(at, room);
    let old = shown;
    if change == EVALUATE {
        shown = evaluated(row, i, p);
    }
    store_value(row, i, left, shown, p);
    store_copy(row, steps, i, left, shown);
    store_lane(at, room, p, old);
}
