fn store_rows(m: Matrix, row: u32, column: u32, block: mat4x4f) {
    let at = m.x + 4u * row * m.column_blocks + column;
    x_after[at] = kept(block[0]);
    x_after[at + m.column_blocks] = kept(block[1]);
    x_after[at + 2u * m.column_blocks] = kept(block[2]);
    x_after[at + 3u * m.column_blocks] = kept(block[3]);
}
