// Element by element, for tensors that begin or end between vectors. What lies past the end is another's: neither read nor written.

fn load_value(at: u32, left: u32) -> vec4f {
    let last = min(left, 4u) - 1u;
    return vec4f(values[at], values[at + min(1u, last)], values[at + min(2u, last)], values[at + last]);
}

fn load_gradient(at: u32, left: u32) -> vec4f {
    let last = min(left, 4u) - 1u;
    return vec4f(gradients[at], gradients[at + min(1u, last)], gradients[at + min(2u, last)], gradients[at + last]);
}

fn store_value(at: u32, left: u32, p: vec4f) {
    values[at] = p.x;
    if left > 1u {
        values[at + 1u] = p.y;
    }
    if left > 2u {
        values[at + 2u] = p.z;
    }
    if left > 3u {
        values[at + 3u] = p.w;
    }
}
