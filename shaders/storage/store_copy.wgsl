// Stores those of four numbers of 16 bits that are wanted, from an even one on: words that this invocation alone writes.
fn store_tensor(at: u32, x: vec4u, wanted: vec4<bool>) {
    pair_of_tensor(at / 2u, x.xy, wanted.xy);
    pair_of_tensor(at / 2u + 1u, x.zw, wanted.zw);
}

fn pair_of_tensor(word: u32, x: vec2u, wanted: vec2<bool>) {
    let both = x.x | x.y << 16u;
    if all(wanted) {
        tensors[word] = both;
    } else if any(wanted) {
        let mask = select(0u, 0xffffu, wanted.x) | select(0u, 0xffff0000u, wanted.y);
        tensors[word] = (tensors[word] & ~mask) | (both & mask);
    }
}
