// a X + B X of four rows, with the rests of B's diagonal beside B. The fourth coefficient takes the sums from the powers of two of B to those of the next X.
fn applied(m: Matrix, row: u32, before: mat4x4f, sums: mat4x4f) -> mat4x4f {
    let own = coefficients[m.coefficients];
    let rest = vec4f(factor[rest_at(m, row)]);
    return mat4x4f(
        own.x * before[0] + own.w * (sums[0] + rest.x * before[0]),
        own.x * before[1] + own.w * (sums[1] + rest.y * before[1]),
        own.x * before[2] + own.w * (sums[2] + rest.z * before[2]),
        own.x * before[3] + own.w * (sums[3] + rest.w * before[3]),
    );
}
