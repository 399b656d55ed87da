// Four elements at once. Where fewer are left, the others stay what they are: those of `old`, which was loaded from here. Without a branch, since
// software adapters go through both sides of one.
fn store_tensor(at: u32, left: u32, x: vec4f, old: vec4f) {
    tensors[at / 4u] = select(old, x, vec4u(0u, 1u, 2u, 3u) < vec4u(left));
}
