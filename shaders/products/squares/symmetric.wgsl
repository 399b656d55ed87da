// Stores a block of 4 x 4 of a symmetric square, on or above the diagonal, and the block across: both sides of the diagonal have the same bits.
fn store_block(m: Matrix, tile: Tile, row: u32, column: u32, sums: mat4x4f) {
    if row > column {
        return;
    }
    for (var i = 0u; i < 4u; i++) {
        for (var j = select(0u, i, row == column); j < 4u; j++) {
            let down = 4u * row + i;
            let across = 4u * column + j;
            if down < m.size && across < m.size {
                let number = result(m, down, across, sums[i][j]);
                target_lane[m.into + down * m.size + across] = number;
                target_lane[m.into + across * m.size + down] = number;
            }
        }
    }
}
