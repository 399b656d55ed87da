// f32, element by element, of an array of words that has numbers of 16 bits too. What lies past the end is another's, and not read.
fn load_tensor(at: u32, left: u32) -> vec4f {
    let last = min(left, 4u) - 1u;
    let all = vec4u(at) + min(vec4u(0u, 1u, 2u, 3u), vec4u(last));
    return bitcast<vec4f>(vec4u(word_of_tensor(all.x), word_of_tensor(all.y), word_of_tensor(all.z), word_of_tensor(all.w)));
}
