// of_product * L R + of_left * L + of_one * I of symmetric squares that commute but for rounding, in tiles on and above the diagonal; what is beyond `most` is that.

fn depth_of(m: Matrix) -> u32 {
    return m.blocks;
}

fn block_of(m: Matrix, first: u32, row: u32, column: u32) -> mat4x4f {
    if row >= m.blocks || column >= m.blocks {
        return ZEROS;
    }
    let at = first + 4u * row * m.blocks + column;
    let step = m.blocks;
    return mat4x4f(vectors[at], vectors[at + step], vectors[at + 2u * step], vectors[at + 3u * step]);
}

fn left_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    return block_of(m, m.square, depth, block);
}

fn right_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    return block_of(m, m.source, depth, block);
}

// A NaN stays one.
fn limited(m: Matrix, x: vec4f) -> vec4f {
    return select(select(x, vec4f(m.most), x > vec4f(m.most)), vec4f(-m.most), x < vec4f(-m.most));
}

// What a block on the diagonal has there, as far as the square goes.
fn one_of(m: Matrix, row: u32, i: u32) -> f32 {
    return select(0.0, m.of_one, 4u * row + i < m.size);
}

fn store_at(m: Matrix, row: u32, column: u32, block: mat4x4f) {
    let at = m.into + 4u * row * m.blocks + column;
    let step = m.blocks;
    vectors[at] = block[0];
    vectors[at + step] = block[1];
    vectors[at + 2u * step] = block[2];
    vectors[at + 3u * step] = block[3];
}

// Both sides of the diagonal have the same bits.
fn store_block(m: Matrix, tile: Tile, row: u32, column: u32, sums: mat4x4f) {
    if row > column || column >= m.blocks {
        return;
    }
    var block = m.of_product * sums + m.of_left * left_block(m, row, column);
    if row == column {
        block[0].x += one_of(m, row, 0u);
        block[1].y += one_of(m, row, 1u);
        block[2].z += one_of(m, row, 2u);
        block[3].w += one_of(m, row, 3u);
    }
    block = mat4x4f(limited(m, block[0]), limited(m, block[1]), limited(m, block[2]), limited(m, block[3]));
    let across = transpose(block);
    if row == column {
        block[1].x = across[1].x;
        block[2] = vec4f(across[2].xy, block[2].zw);
        block[3] = vec4f(across[3].xyz, block[3].w);
    } else {
        store_at(m, column, row, across);
    }
    store_at(m, row, column, block);
}
