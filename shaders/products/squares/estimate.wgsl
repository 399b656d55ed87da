// S Q of a symmetric square S and its basis Q.

fn depth_of(m: Matrix) -> u32 {
    return m.blocks;
}

fn left_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    return square_rows(m, m.square, depth, block);
}

fn right_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    return square_rows(m, m.into, depth, block);
}

fn store_block(m: Matrix, tile: Tile, row: u32, column: u32, sums: mat4x4f) {
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let down = 4u * row + i;
            let across = 4u * column + j;
            if down < m.size && across < m.size {
                numbers[m.work + down * m.size + across] = sums[i][j];
            }
        }
    }
}
