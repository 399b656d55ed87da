// The last result goes back to where the matrix came from.
fn store_rows(m: Matrix, row: u32, column: u32, block: mat4x4f) {
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            if 4u * row + i < m.rows && 4u * column + j < m.columns {
                lane[lane_at(m, 4u * row + i, 4u * column + j)] = block[i][j];
            }
        }
    }
}
