// b A + c A A, with the rests of A's diagonal beside A; those of rests are too small to count.
fn result(m: Matrix, row: u32, column: u32, sums: mat4x4f) -> mat4x4f {
    let of_row = vec4f(factor[rest_at(m, row)]);
    let of_column = vec4f(factor[rest_at(m, column)]);
    let own = select(vec4f(0.0), of_row, row == column);
    let at = m.square + 4u * row * m.row_blocks + column;
    let step = m.row_blocks;
    return mat4x4f(
        square_row(m, at, of_row.x + of_column, vec4f(own.x, 0.0, 0.0, 0.0), sums[0]),
        square_row(m, at + step, of_row.y + of_column, vec4f(0.0, own.y, 0.0, 0.0), sums[1]),
        square_row(m, at + 2u * step, of_row.z + of_column, vec4f(0.0, 0.0, own.z, 0.0), sums[2]),
        square_row(m, at + 3u * step, of_row.w + of_column, vec4f(0.0, 0.0, 0.0, own.w), sums[3]),
    );
}

fn square_row(m: Matrix, at: u32, rests: vec4f, own: vec4f, sums: vec4f) -> vec4f {
    let abc = coefficients[m.coefficients];
    let a = vec4f(factor[at]);
    return abc.y * (a + own) + abc.z * (sums + rests * a);
}
