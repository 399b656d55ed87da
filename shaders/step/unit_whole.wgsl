// The factor of adaptive clipping for elements `i` to `i + 3` of a row, which are all of one unit.
fn unit_factors(row: Row, i: u32) -> vec4f {
    let at = row.unit + (row.element + i) / row.unit_length;
    return vec4f(bitcast<f32>(record[at / 4u][at % 4u]));
}
