// The sums of squares over the columns of a square that is divided by its trace.
fn work_on_column(m: Matrix, column: u32, lane: u32, invocation: u32) {
    let trace = trace_of(m);
    let factor = select(1.0 / trace, 0.0, trace == 0.0);
    var part = 0.0;
    if column < m.size {
        for (var row = lane; row < m.size; row += LANES) {
            let x = factor * squares[m.square + row * m.size + column];
            part += x * x;
        }
    }
    give_part(part, invocation);
    if lane == 0u && column < m.size {
        numbers[m.work + lengths_of(m) + column] = of_lanes(invocation % PANEL);
    }
}
