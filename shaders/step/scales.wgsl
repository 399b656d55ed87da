// The scales of the learning rate for elements `i` to `i + 3` of a row; past its end, any.
fn lr_scales(row: Row, i: u32, left: u32) -> vec4f {
    let last = min(left, 4u) - 1u;
    let elements = vec4u(row.element + i) + min(vec4u(0u, 1u, 2u, 3u), vec4u(last));
    let at = vec4u(row.scale) + (elements / row.scale_length) % row.scale_period;
    return vec4f(load_scale(row, at.x), load_scale(row, at.y), load_scale(row, at.z), load_scale(row, at.w));
}

// before + scales * (after - before); an infinite value that stays is as it was.
fn scaled(before: vec4f, after: vec4f, scales: vec4f) -> vec4f {
    let change = after - before;
    return select(before + scales * change, after, is_nan(change));
}
