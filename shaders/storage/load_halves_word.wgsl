// Numbers of 16 bits one by one, from any one on. What lies past the end is another's, and not read.
fn load_tensor(at: u32, left: u32) -> vec4u {
    let last = min(left, 4u) - 1u;
    let all = vec4u(at) + min(vec4u(0u, 1u, 2u, 3u), vec4u(last));
    return vec4u(half_of_tensor(all.x), half_of_tensor(all.y), half_of_tensor(all.z), half_of_tensor(all.w));
}

fn half_of_tensor(at: u32) -> u32 {
    return word_of_tensor(at / 2u) >> (16u * (at % 2u)) & 0xffffu;
}
