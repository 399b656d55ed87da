// Four numbers of 16 bits, in a pair of words.
fn load_halves(at: u32) -> vec4u {
    let words = states[at / 2u];
    return vec4u(words.x & 0xffffu, words.x >> 16u, words.y & 0xffffu, words.y >> 16u);
}

fn store_halves(at: u32, x: vec4u) {
    states[at / 2u] = vec2u(x.x | x.y << 16u, x.z | x.w << 16u);
}
