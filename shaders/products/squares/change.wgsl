// N^T Q of the new basis N and the old one: what turns coordinates of the old one into those of the new one.

fn depth_of(m: Matrix) -> u32 {
    return m.blocks;
}

fn left_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    var rows = ZEROS;
    for (var k = 0u; k < 4u; k++) {
        for (var i = 0u; i < 4u; i++) {
            let at = 4u * depth + k;
            let row = 4u * block + i;
            if at < m.size && row < m.size {
                rows[k][i] = numbers[m.work + vectors_of(m) + at * m.size + row];
            }
        }
    }
    return rows;
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
                target_lane[m.change + down * m.size + across] = sums[i][j];
            }
        }
    }
}
