// f32 and u32: copied.

fn load(at: u32) -> u32 {
    return source[at];
}
