// The factor of adaptive clipping for four elements of a row in the list, whose units are these rows.
fn unit_factors(row: Row, i: u32) -> vec4f {
    let at = row.unit + (row.element + in_list) / row.unit_length;
    return vec4f(bitcast<f32>(record[at / 4u][at % 4u]));
}
