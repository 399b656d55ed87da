// Four elements at once. Where fewer are left, the others stay.
fn store_tensor(at: u32, left: u32, x: vec4f) {
    if left >= 4u {
        tensors[at / 4u] = x;
    } else {
        tensors[at / 4u] = select(tensors[at / 4u], x, vec4u(0u, 1u, 2u, 3u) < vec4u(left));
    }
}
