// Numbers in half precision. Twin: src/storage/f16.rs.
fn encoded_f16(x: vec4f, salt: u32, steps: u32, element: u32) -> vec4u {
    return nearest_f16(x);
}

fn decoded_f16(bits: vec4u) -> vec4f {
    return value_of_f16(bits);
}
