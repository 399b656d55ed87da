// Stores four rows of a symmetric result, of a block of 4 x 4 on or above the diagonal, and the block across: both sides of the diagonal have the same bits.
fn store_block(m: Matrix, tile: Tile, row: u32, column: u32, sums: mat4x4f) {
    if row > column || column >= m.row_blocks {
        return;
    }
    let at = m.square + 4u * row * m.row_blocks + column;
    let step = m.row_blocks;
    let exact = result(m, row, column, sums);
    let block = Block(kept(exact[0]), kept(exact[1]), kept(exact[2]), kept(exact[3]));
    squares[at] = block[0];
    squares[at + step] = block[1];
    squares[at + 2u * step] = block[2];
    squares[at + 3u * step] = block[3];
    if row < column {
        let mirrored = transpose(block);
        let across = m.square + 4u * column * m.row_blocks + row;
        squares[across] = mirrored[0];
        squares[across + step] = mirrored[1];
        squares[across + 2u * step] = mirrored[2];
        squares[across + 3u * step] = mirrored[3];
    } else {
        store_rest(m, row, exact, block);
    }
}
