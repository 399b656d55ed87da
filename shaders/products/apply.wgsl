// a X + B X of the symmetric B = b A + c A A.

fn right_block(m: Matrix, depth: u32, block: u32) -> Block {
    if depth >= m.row_blocks || block >= m.column_blocks {
        return ZEROS;
    }
    let at = m.x + 4u * depth * m.column_blocks + block;
    let step = m.column_blocks;
    return Block(x[at], x[at + step], x[at + 2u * step], x[at + 3u * step]);
}

fn store_block(m: Matrix, tile: Tile, row: u32, column: u32, sums: mat4x4f) {
    if row >= m.row_blocks || column >= m.column_blocks {
        return;
    }
    let at = m.x + 4u * row * m.column_blocks + column;
    let step = m.column_blocks;
    let before = mat4x4f(vec4f(x[at]), vec4f(x[at + step]), vec4f(x[at + 2u * step]), vec4f(x[at + 3u * step]));
    store_rows(m, row, column, applied(m, row, before, sums));
}
