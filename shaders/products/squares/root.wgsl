// V D V^T of the eigenvectors V and the powers D of the eigenvalues, in tiles on and above the diagonal.

fn depth_of(m: Matrix) -> u32 {
    return m.blocks;
}

fn vector_rows(m: Matrix, depth: u32, block: u32, is_scaled: bool) -> mat4x4f {
    var rows = ZEROS;
    for (var k = 0u; k < 4u; k++) {
        for (var i = 0u; i < 4u; i++) {
            let at = 4u * depth + k;
            let row = 4u * block + i;
            if at < m.size && row < m.size {
                let power = select(1.0, numbers[m.work + values_of(m) + at], is_scaled);
                rows[k][i] = numbers[m.work + vectors_of(m) + row * m.size + at] * power;
            }
        }
    }
    return rows;
}

fn left_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    return vector_rows(m, depth, block, true);
}

fn right_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    return vector_rows(m, depth, block, false);
}

fn result(m: Matrix, row: u32, column: u32, sum: f32) -> f32 {
    return sum;
}
