// Four numbers of 16 bits, in two words.
fn load_halves(at: u32) -> vec4u {
    let words = vec2u(states[at], states[at + 1u]);
    return vec4u(words.x & 0xffffu, words.x >> 16u, words.y & 0xffffu, words.y >> 16u);
}

fn store_halves(at: u32, x: vec4u) {
    states[at] = x.x | x.y << 16u;
    states[at + 1u] = x.z | x.w << 16u;
}
