// As by vectors, but in two words of 64 bits.
fn store_tensor(at: u32, left: u32, x: vec4f, old: vec4f) {
    let words = bitcast<vec4u>(select(old, x, vec4u(0u, 1u, 2u, 3u) < vec4u(left)));
    tensors[at / 4u] = vec2<u64>(u64(words.x) | (u64(words.y) << 32u), u64(words.z) | (u64(words.w) << 32u));
}
