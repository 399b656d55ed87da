// Four elements at once; offsets are multiples of four. Where fewer are left, the others are padding of this parameter, and stay.

fn load_value(at: u32, left: u32) -> vec4f {
    return values[at / 4u];
}

fn load_gradient(at: u32, left: u32) -> vec4f {
    return gradients[at / 4u];
}

fn store_value(at: u32, left: u32, p: vec4f) {
    if left >= 4u {
        values[at / 4u] = p;
    } else {
        values[at / 4u] = select(values[at / 4u], p, vec4u(0u, 1u, 2u, 3u) < vec4u(left));
    }
}
