// f32, element by element, in an array of words that has numbers of 16 bits too. What lies past the end is another's, and not written.
fn store_tensor(at: u32, left: u32, x: vec4f, old: vec4f) {
    let words = bitcast<vec4u>(x);
    for (var k = 0u; k < min(left, 4u); k++) {
        put_word_tensor(at + k, words[k]);
    }
}
