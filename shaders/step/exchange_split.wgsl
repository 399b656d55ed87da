// Values are f32, and averages have 16 bits. While one is shown, half of the bits of what is trained lie in its place, and half aside.
fn exchange(row: Row, change: u32, steps: u32, i: u32, left: u32, room: u32) {
    let average = change - EXCHANGE;
    let at = average_at(row, average, i);
    let p = load_value(row, i, left);
    var shown: vec4f;
    if record[0].x == TRAINED {
        shown = bitcast<vec4f>(load_halves(at) << vec4u(16u) | load_halves(aside_at(row, i)));
        store_average(row, average, i, room, p, shown);
    } else {
        let bits = bitcast<vec4u>(p);
        shown = load_average(row, average, i, room);
        store_halves(at, bits >> vec4u(16u));
        store_halves(aside_at(row, i), bits & vec4u(0xffffu));
    }
    store_value(row, i, left, shown, p);
    store_copy(row, steps, i, left, shown);
}
