// A word of which other invocations may write the other half meanwhile.
fn word_of_tensor(at: u32) -> u32 {
    return atomicLoad(&tensors[at]);
}

fn put_word_tensor(at: u32, x: u32) {
    atomicStore(&tensors[at], x);
}
