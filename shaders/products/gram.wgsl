// X X^T, in tiles on and above the diagonal.

fn depth_of(m: Matrix) -> u32 {
    return m.column_blocks;
}

// Four columns of X from four of its rows, as rows: a slice has the rows of X side by side.
fn left_block(m: Matrix, depth: u32, block: u32) -> Block {
    if depth >= m.column_blocks || block >= m.row_blocks {
        return ZEROS;
    }
    let at = m.x + 4u * block * m.column_blocks + depth;
    let step = m.column_blocks;
    return transpose(Block(x[at], x[at + step], x[at + 2u * step], x[at + 3u * step]));
}

fn right_block(m: Matrix, depth: u32, block: u32) -> Block {
    return left_block(m, depth, block);
}

fn result(m: Matrix, row: u32, column: u32, sums: mat4x4f) -> mat4x4f {
    return gram_of(sums);
}
