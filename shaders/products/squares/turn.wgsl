// X turned along an axis: B X or B^T X, or X as it is, where the way back to its lane needs one turn more.

fn depth_of(m: Matrix) -> u32 {
    return select(m.blocks, 0u, m.is_copy != 0u);
}

fn left_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    var rows = ZEROS;
    for (var k = 0u; k < 4u; k++) {
        for (var i = 0u; i < 4u; i++) {
            let at = 4u * depth + k;
            let row = 4u * block + i;
            if at < m.size && row < m.size {
                rows[k][i] = squares[m.square + select(at * m.size + row, row * m.size + at, m.is_back != 0u)];
            }
        }
    }
    return rows;
}

fn right_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    return element_rows(m, depth, block);
}

fn store_block(m: Matrix, tile: Tile, row: u32, column: u32, sums: mat4x4f) {
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let index = 4u * row + i;
            let at = 4u * column + j;
            if index < m.size && at < m.columns {
                target_lane[m.into + element_at(m, index, at)] = select(sums[i][j], element(m, index, at), m.is_copy != 0u);
            }
        }
    }
}
