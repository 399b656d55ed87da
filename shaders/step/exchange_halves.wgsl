// Values of 16 bits show what is rounded to the nearest. Averages stay as they are; what the values were is kept aside, or is in the master values.
fn exchange(row: Row, change: u32, steps: u32, i: u32, left: u32, room: u32) {
    let at = lane_at(row, TRAINED_LANE, i);
    let p = load_value(row, i, left);
    let trained = load_lane(at, room);
    if record[0].x == TRAINED {
        store_value(row, i, left, trained, p);
        return;
    }
    var shown = trained;
    if change == EVALUATE {
        shown = evaluated(row, i, trained);
    } else {
        shown = load_lane(lane_at(row, FIRST_AVERAGE + change - EXCHANGE, i), room);
    }
    if !MASTERED {
        store_lane(at, room, p, trained);
    }
    store_value(row, i, left, shown, p);
}
