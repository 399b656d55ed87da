// Stores those of four numbers of 16 bits that are wanted. Rows of tiles may begin within a word, of which another invocation writes the other half.
fn store_tensor(at: u32, x: vec4u, wanted: vec4<bool>) {
    for (var k = 0u; k < 4u; k++) {
        if wanted[k] {
            let shift = 16u * ((at + k) % 2u);
            atomicAnd(&tensors[(at + k) / 2u], ~(0xffffu << shift));
            atomicOr(&tensors[(at + k) / 2u], x[k] << shift);
        }
    }
}
