// The diagonals of Q^T S Q, of the basis Q and S Q.
fn work_on_column(m: Matrix, column: u32, lane: u32, invocation: u32) {
    var part = 0.0;
    if column < m.size {
        for (var row = lane; row < m.size; row += LANES) {
            part += squares[m.into + row * m.size + column] * numbers[m.work + row * m.size + column];
        }
    }
    give_part(part, invocation);
    if lane == 0u && column < m.size {
        numbers[m.work + values_of(m) + column] = of_lanes(invocation % PANEL);
    }
}
