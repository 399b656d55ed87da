// The columns of S Q, divided by the trace of S, plus a small part of Q, so that none vanishes, of length 1 and by falling diagonals of Q^T S Q.
fn work_on_column(m: Matrix, column: u32, lane: u32, invocation: u32) {
    let trace = trace_of(m);
    var factor = 0.0;
    var shift = 1.0;
    if trace != 0.0 {
        factor = 1.0 / trace;
        shift = SHIFT;
    }
    var part = 0.0;
    if column < m.size {
        for (var row = lane; row < m.size; row += LANES) {
            let at = row * m.size + column;
            let x = factor * numbers[m.work + at] + shift * squares[m.into + at];
            part += x * x;
        }
    }
    give_part(part, invocation);
    if column >= m.size {
        return;
    }
    let length = 1.0 / sqrt(of_lanes(invocation % PANEL));
    let place = rank_of(m, column);
    if lane == 0u {
        numbers[m.work + turns_of(m) + column] = f32(place);
    }
    for (var row = lane; row < m.size; row += LANES) {
        let at = row * m.size + column;
        numbers[m.work + vectors_of(m) + row * m.size + place] = (factor * numbers[m.work + at] + shift * squares[m.into + at]) * length;
    }
}
