// Numbers in 8 bits: a code of a map, times the scale of a block. Twin: src/storage/dynamic8.rs.

// The number of each code, from 0 to 255.
fn formed_signed8(codes: vec4i) -> vec4f {
    let from_zero = codes - ZERO_signed8;
    let t = FIRST_signed8 + abs(from_zero);
    let inner = select(middle_of(t, f32(PARTS_signed8)), vec4f(1.0), t >= vec4i(FIRST_signed8 + 255 - ZERO_signed8));
    let magnitude = select(inner, vec4f(0.0), from_zero == vec4i(0));
    return select(magnitude, -magnitude, from_zero < vec4i(0));
}

fn decoded_signed8(codes: vec4u, scale: f32) -> vec4f {
    return number_signed8(codes) * scale;
}

// The code of the nearest of each, the upper one of two: a guess, which may be one too low, and one comparison. What is above 0 without a sign is not 0, since it divides.
fn encoded_signed8(x: vec4f, scale: f32) -> vec4u {
    // As bits: a quotient may be a little above 1, and is infinite where x is.
    let y = bitcast<vec4u>(x / scale);
    let sign = y & vec4u(0x80000000u);
    let magnitude = min(y & vec4u(0x7fffffffu), vec4u(0x3f800000u));
    let from_zero = position_of(bitcast<vec4f>(magnitude), f32(PARTS_signed8), f32(FIRST_signed8) + 0.5) | sign;
    let guess = vec4u(max(vec4i(f32(ZERO_signed8) + bitcast<vec4f>(from_zero)), vec4i(0)));
    let code = guess + select(vec4u(0u), vec4u(1u), bitcast<vec4f>(magnitude | sign) >= bound_signed8(guess));
    return select(code, max(code, vec4u(clamp(bitcast<vec4i>(x), vec4i(0), vec4i(1)))), vec4<bool>(ZERO_signed8 == 0));
}
