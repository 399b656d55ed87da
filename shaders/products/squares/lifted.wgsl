// A square divided by its norm, with LIFT on the diagonal: M of the first iteration. Of what counts as zero, only the latter.
fn work_on(m: Matrix, row: u32, column: u32) {
    if row >= m.blocks || column >= m.blocks {
        return;
    }
    let trace = trace_of(m);
    let is_zero = trace == 0.0;
    var sum = 0.0;
    for (var at = 0u; at < m.size; at++) {
        let place = m.work + lengths_of(m) + at;
        sum += vectors[place / 4u][place % 4u];
    }
    let length = sqrt(sum);
    let factor = select((1.0 / trace) / length, 0.0, is_zero);
    if row == 0u && column == 0u {
        vectors[(m.work + norm_of(m)) / 4u] = vec4f(select(trace * length, LEAST_TRACE, is_zero));
    }
    for (var i = 0u; i < 4u; i++) {
        var numbers = vec4f(0.0);
        for (var j = 0u; j < 4u; j++) {
            let down = 4u * row + i;
            let across = 4u * column + j;
            if down < m.size && across < m.size {
                numbers[j] = factor * squares[m.square + down * m.size + across] + select(0.0, LIFT, down == across);
            }
        }
        vectors[m.into + (4u * row + i) * m.blocks + column] = numbers;
    }
}
