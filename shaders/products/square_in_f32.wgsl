// b A + c A A.
fn result(m: Matrix, row: u32, column: u32, sums: mat4x4f) -> mat4x4f {
    let abc = coefficients[m.coefficients];
    let at = m.square + 4u * row * m.row_blocks + column;
    let step = m.row_blocks;
    return mat4x4f(
        abc.y * factor[at] + abc.z * sums[0],
        abc.y * factor[at + step] + abc.z * sums[1],
        abc.y * factor[at + 2u * step] + abc.z * sums[2],
        abc.y * factor[at + 3u * step] + abc.z * sums[3],
    );
}
