// The left side of a product with A or B, which are symmetric.
fn depth_of(m: Matrix) -> u32 {
    return m.row_blocks;
}

fn left_block(m: Matrix, depth: u32, block: u32) -> Block {
    if depth >= m.row_blocks || block >= m.row_blocks {
        return ZEROS;
    }
    let at = m.square + 4u * depth * m.row_blocks + block;
    let step = m.row_blocks;
    return Block(factor[at], factor[at + step], factor[at + 2u * step], factor[at + 3u * step]);
}
