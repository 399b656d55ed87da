// Element by element. What lies past the end is another's, and not written.
fn store_tensor(at: u32, left: u32, x: vec4f, old: vec4f) {
    tensors[at] = x.x;
    if left > 1u {
        tensors[at + 1u] = x.y;
    }
    if left > 2u {
        tensors[at + 2u] = x.z;
    }
    if left > 3u {
        tensors[at + 3u] = x.w;
    }
}
