// The new basis goes where the old one was.
fn work_on(m: Matrix, row: u32, column: u32) {
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let down = 4u * row + i;
            let across = 4u * column + j;
            if down < m.size && across < m.size {
                target_lane[m.into + down * m.size + across] = numbers[m.work + vectors_of(m) + down * m.size + across];
            }
        }
    }
}
