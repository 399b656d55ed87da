// A word of an array that has numbers of 16 bits, or both these and f32.
fn word_of_tensor(at: u32) -> u32 {
    return tensors[at];
}

fn put_word_tensor(at: u32, x: u32) {
    tensors[at] = x;
}
