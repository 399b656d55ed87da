// Averages stay as they are; what the values were is kept aside, or is in the master values. Values of 16 bits show what is rounded to the nearest.
fn exchange(row: Row, change: u32, steps: u32, i: u32, left: u32, room: u32) {
    let at = lane_at(row, TRAINED_LANE, i);
    let p = load_value(row, i, left);
    let trained = load_lane(at, room);
    if record[0].x == TRAINED {
        store_value(row, i, left, trained, p);
        store_copy(row, steps, i, left, trained);
        return;
    }
    var shown = trained;
    if change == EVALUATE {
        shown = evaluated(row, i, select(p, trained, MASTERED));
    } else {
        shown = load_average(row, change - EXCHANGE, i, room);
    }
    if !MASTERED {
        store_lane(at, room, p, trained);
    }
    store_value(row, i, left, shown, p);
    store_copy(row, steps, i, left, shown);
}
