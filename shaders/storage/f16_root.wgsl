// The roots of numbers that are not negative in half precision. What is above 0 is not 0, since it divides. Twin: src/storage/f16.rs.
fn encoded_f16_root(x: vec4f, salt: u32, steps: u32, element: u32) -> vec4u {
    let bits = bitcast<vec4u>(x);
    let least = select(vec4u(0u), vec4u(1u), (vec4u(0u) < bits) & (bits < vec4u(0x80000000u)));
    return select(max(nearest_f16(sqrt(x)), least), vec4u(0x7e00u), (bits & vec4u(0x7fffffffu)) > vec4u(0x7f800000u));
}

fn decoded_f16_root(bits: vec4u) -> vec4f {
    let root = value_of_f16(bits);
    return root * root;
}
