// b A + c A A of the symmetric A = X X^T, in tiles on and above the diagonal.

fn right_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    return left_block(m, depth, block);
}

fn result(m: Matrix, at: u32, sums: vec4f) -> vec4f {
    let abc = coefficients[m.coefficients];
    return abc.y * factor[at] + abc.z * sums;
}
