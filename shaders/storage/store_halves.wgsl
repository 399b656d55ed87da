// Stores those of four numbers of 16 bits that are wanted, in a pair of words that this invocation alone writes.
fn store_tensor(at: u32, x: vec4u, wanted: vec4<bool>) {
    var words = vec2u(x.x | x.y << 16u, x.z | x.w << 16u);
    if !all(wanted) {
        let low = select(vec2u(0u), vec2u(0xffffu), wanted.xz);
        let mask = low | select(vec2u(0u), vec2u(0xffff0000u), wanted.yw);
        words = (tensors[at / 4u] & ~mask) | (words & mask);
    }
    tensors[at / 4u] = words;
}
