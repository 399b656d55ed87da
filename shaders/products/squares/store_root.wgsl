// The root of a square: that of the square of norm 1, times that of the norm.
fn work_on(m: Matrix, row: u32, column: u32) {
    let scale = power(vectors[(m.work + norm_of(m)) / 4u].x, m.exponent, m.exponent_low);
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let down = 4u * row + i;
            let across = 4u * column + j;
            if down < m.size && across < m.size {
                let x = vectors[m.source + down * m.blocks + column][j];
                // A NaN stays one.
                let limited = select(select(x, m.most, x > m.most), -m.most, x < -m.most);
                target_lane[m.into + down * m.size + across] = limited * scale;
            }
        }
    }
}
