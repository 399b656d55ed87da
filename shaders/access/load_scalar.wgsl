// Element by element, for tensors that begin or end between vectors. What lies past the end is another's, and not read.
fn load_tensor(at: u32, left: u32) -> vec4f {
    let last = min(left, 4u) - 1u;
    return vec4f(tensors[at], tensors[at + min(1u, last)], tensors[at + min(2u, last)], tensors[at + last]);
}
