// As by vectors, but in two words of 64 bits: llvmpipe takes as long for each word, whatever its size.
fn load_tensor(at: u32, left: u32) -> vec4f {
    let pairs = tensors[at / 4u];
    return bitcast<vec4f>(vec4u(u32(pairs.x), u32(pairs.x >> 32u), u32(pairs.y), u32(pairs.y >> 32u)));
}
