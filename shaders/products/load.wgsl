// Brings matrices from their lanes into X, transposed where they are tall, and with zeros around them.

fn work(m: Matrix, tile: Tile, invocation: u32) {
    for (var block = invocation; block < ROW_VECTORS * COLUMN_VECTORS; block += INVOCATIONS) {
        let row = tile.row + block / COLUMN_VECTORS;
        let column = tile.column + block % COLUMN_VECTORS;
        if row < m.row_blocks && column < m.column_blocks {
            load_block(m, row, column);
        }
    }
}

fn load_block(m: Matrix, row: u32, column: u32) {
    for (var i = 0u; i < 4u; i++) {
        var numbers = vec4f(0.0);
        for (var j = 0u; j < 4u; j++) {
            if 4u * row + i < m.rows && 4u * column + j < m.columns {
                numbers[j] = lane[lane_at(m, 4u * row + i, 4u * column + j)];
            }
        }
        x_after[m.x + (4u * row + i) * m.column_blocks + column] = loaded(numbers);
    }
}
