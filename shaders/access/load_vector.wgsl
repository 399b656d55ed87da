// Four elements at once; offsets are multiples of four. Where fewer are left, the others are padding of this tensor.
fn load_tensor(at: u32, left: u32) -> vec4f {
    return tensors[at / 4u];
}
