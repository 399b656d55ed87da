// b A + c A A of the symmetric A = X X^T, in tiles on and above the diagonal.

fn depth_of(m: Matrix) -> u32 {
    return m.row_blocks;
}

fn slice_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    if depth >= m.row_blocks || block >= m.row_blocks {
        return ZEROS;
    }
    let at = m.square + 4u * depth * m.row_blocks + block;
    let step = m.row_blocks;
    return mat4x4f(gram[at], gram[at + step], gram[at + 2u * step], gram[at + 3u * step]);
}

fn left_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    return slice_block(m, depth, block);
}

fn right_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    return slice_block(m, depth, block);
}

fn result(m: Matrix, at: u32, sums: vec4f) -> vec4f {
    let abc = coefficients[m.coefficients];
    return abc.y * gram[at] + abc.z * sums;
}
