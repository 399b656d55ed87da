// Four numbers of 8 bits, in a word, and the scale of a block.
fn load_bytes(at: u32) -> vec4u {
    return vec4u(states[at]) >> vec4u(0u, 8u, 16u, 24u) & vec4u(0xffu);
}

fn store_bytes(at: u32, x: vec4u) {
    states[at] = x.x | x.y << 8u | x.z << 16u | x.w << 24u;
}

fn load_scale_of_block(at: u32) -> f32 {
    return bitcast<f32>(states[at]);
}
