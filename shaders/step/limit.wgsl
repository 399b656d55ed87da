// The gradient between minus and plus `limit`, which is given as bits.
fn limited(gradient: vec4f, limit: u32) -> vec4f {
    let most = vec4f(bitcast<f32>(limit));
    return select(clamped(gradient, -most, most), gradient, limit == NO_LIMIT);
}
