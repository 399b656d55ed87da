// a X + B X of four rows.
fn applied(m: Matrix, row: u32, before: mat4x4f, sums: mat4x4f) -> mat4x4f {
    let a = coefficients[m.coefficients].x;
    return mat4x4f(a * before[0] + sums[0], a * before[1] + sums[1], a * before[2] + sums[2], a * before[3] + sums[3]);
}
