// The factors of adaptive clipping for elements `i` to `i + 3` of a row; past its end, any.
fn unit_factors(row: Row, i: u32) -> vec4f {
    // Where branches are skipped, most vectors take one division: they are of one unit.
    if SKIPS_BRANCHES && row.unit_length % 4u == 0u {
        return vec4f(unit_factor(row.unit + (row.element + i) / row.unit_length));
    }
    let at = vec4u(row.unit) + (vec4u(row.element + i) + vec4u(0u, 1u, 2u, 3u)) / row.unit_length;
    return vec4f(unit_factor(at.x), unit_factor(at.y), unit_factor(at.z), unit_factor(at.w));
}

fn unit_factor(at: u32) -> f32 {
    return bitcast<f32>(record[at / 4u][at % 4u]);
}
