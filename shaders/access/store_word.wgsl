// Four f32 in an array of words. Where fewer are left, the others stay what they are: those of `old`.
fn store_tensor(at: u32, left: u32, x: vec4f, old: vec4f) {
    let words = bitcast<vec4u>(select(old, x, vec4u(0u, 1u, 2u, 3u) < vec4u(left)));
    tensors[at] = words.x;
    tensors[at + 1u] = words.y;
    tensors[at + 2u] = words.z;
    tensors[at + 3u] = words.w;
}
