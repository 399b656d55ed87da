// clamp(gradient, -limit, limit), with a NaN staying one, which clamp does not promise; `limit` as bits.
fn limited(gradient: vec4f, limit: u32) -> vec4f {
    let most = vec4f(bitcast<f32>(limit));
    let is_nan = (bitcast<vec4u>(gradient) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u);
    return select(min(max(gradient, -most), most), gradient, is_nan | vec4<bool>(limit == NO_LIMIT));
}
