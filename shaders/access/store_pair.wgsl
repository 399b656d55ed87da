// Four f32 in an array of two words each. Where fewer are left, the others stay what they are: those of `old`.
fn store_tensor(at: u32, left: u32, x: vec4f, old: vec4f) {
    let words = bitcast<vec4u>(select(old, x, vec4u(0u, 1u, 2u, 3u) < vec4u(left)));
    tensors[at / 2u] = words.xy;
    tensors[at / 2u + 1u] = words.zw;
}
