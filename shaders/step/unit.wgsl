// The factors of adaptive clipping for elements `i` to `i + 3` of a row; past its end, any.
fn unit_factors(row: Row, i: u32) -> vec4f {
    let at = vec4u(row.unit) + (vec4u(row.element + i) + vec4u(0u, 1u, 2u, 3u)) / row.unit_length;
    return bitcast<vec4f>(vec4u(record[at.x], record[at.y], record[at.z], record[at.w]));
}
