// bfloat16: the upper half of an f32. Twin: src/storage/bf16.rs. Bits decide, since compilers may assume that there is no NaN.

// The nearest of each, or, with a salt, one of the two around it. The bits are in the lower half.
fn encoded_bf16(x: vec4f, salt: u32, steps: u32, element: u32) -> vec4u {
    let bits = bitcast<vec4u>(x);
    var rounded = bits + 0x7fffu + (bits >> vec4u(16u) & vec4u(1u));
    if salt != 0u {
        let elements = vec4u(element) + vec4u(0u, 1u, 2u, 3u);
        let drawn = mixed(vec4u(mixed(vec4u(salt + steps)).x) ^ elements);
        let up = bits + (drawn & vec4u(0xffffu));
        rounded = select(up, bits, (up & vec4u(0x7f800000u)) == vec4u(0x7f800000u));
    }
    let is_number = (bits & vec4u(0x7f800000u)) != vec4u(0x7f800000u);
    let quiet = select(vec4u(0u), vec4u(0x40u), (bits & vec4u(0x7fffffffu)) > vec4u(0x7f800000u));
    return select(bits >> vec4u(16u) | quiet, rounded >> vec4u(16u), is_number) & vec4u(0xffffu);
}

// A hash of 32 bits with little bias.
fn mixed(x: vec4u) -> vec4u {
    let once = (x ^ (x >> vec4u(16u))) * 0x7feb352du;
    let twice = (once ^ (once >> vec4u(15u))) * 0x846ca68bu;
    return twice ^ (twice >> vec4u(16u));
}

fn decoded_bf16(bits: vec4u) -> vec4f {
    return bitcast<vec4f>(bits << vec4u(16u));
}
