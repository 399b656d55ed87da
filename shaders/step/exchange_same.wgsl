// Values and averages of 16 bits in one format change places.
fn exchange(row: Row, change: u32, steps: u32, i: u32, left: u32, room: u32) {
    let p = load_value(row, i, left);
    let shown = load_average(row, change - EXCHANGE, i, room);
    store_average(row, change - EXCHANGE, i, room, p, shown);
    store_value(row, i, left, shown, p);
}
