// Four numbers of 16 bits in a pair of words, from a multiple of four on. Where fewer are left, the others are padding of this tensor.
fn load_tensor(at: u32, left: u32) -> vec4u {
    let words = tensors[at / 4u];
    return vec4u(words.x & 0xffffu, words.x >> 16u, words.y & 0xffffu, words.y >> 16u);
}
