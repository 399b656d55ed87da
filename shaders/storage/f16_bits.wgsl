// IEEE half precision, by bits: packing functions of WGSL may round as they like. Twin: src/storage/f16.rs.

// The nearest of each, and of what is beyond the largest that one. The bits are in the lower half.
fn nearest_f16(x: vec4f) -> vec4u {
    let bits = bitcast<vec4u>(x);
    let sign = bits >> vec4u(16u) & vec4u(0x8000u);
    let magnitude = bits & vec4u(0x7fffffffu);
    let normal = (magnitude + 0xfffu + (magnitude >> vec4u(13u) & vec4u(1u)) - 0x38000000u) >> vec4u(13u);
    // Below 2^-14 steps are of 2^-24, whatever the exponent.
    let shift = clamp(126u - min(magnitude >> vec4u(23u), vec4u(126u)), vec4u(1u), vec4u(31u));
    let mantissa = (magnitude & vec4u(0x7fffffu)) | vec4u(0x800000u);
    let small = (mantissa + (vec4u(1u) << (shift - 1u)) - 1u + (mantissa >> shift & vec4u(1u))) >> shift;
    let number = select(min(normal, vec4u(0x7bffu)), small, magnitude < vec4u(0x38800000u));
    let other = select(vec4u(0x7c00u), vec4u(0x7e00u), magnitude > vec4u(0x7f800000u));
    return sign | select(number, other, magnitude >= vec4u(0x7f800000u));
}

fn value_of_f16(bits: vec4u) -> vec4f {
    let sign = (bits & vec4u(0x8000u)) << vec4u(16u);
    let magnitude = bits & vec4u(0x7fffu);
    let small = bitcast<vec4u>(vec4f(magnitude) * 5.9604645e-8);
    let normal = (magnitude << vec4u(13u)) + select(vec4u(0x38000000u), vec4u(0x70000000u), magnitude >= vec4u(0x7c00u));
    return bitcast<vec4f>(sign | select(normal, small, magnitude < vec4u(0x400u)));
}
