// Numbers in 8 bits: a code of a map, times the scale of a block. Twin: src/storage/dynamic8.rs.

// Number `t` of the map, of `FIRST`, which is 0, to `LAST`, which is 1.
fn formed_signed8(t: vec4i) -> vec4f {
    let inner = select(middle_of(t, f32(PARTS_signed8)), vec4f(1.0), t >= vec4i(LAST_signed8));
    return select(inner, vec4f(0.0), t <= vec4i(FIRST_signed8));
}

fn decoded_signed8(codes: vec4u, scale: f32) -> vec4f {
    let from_zero = vec4i(codes) - ZERO_signed8;
    let magnitude = number_signed8(FIRST_signed8 + abs(from_zero));
    return select(magnitude, -magnitude, from_zero < vec4i(0)) * scale;
}

// The code of the nearest of each, the upper one of two. What is above 0 without a sign is not 0, since it divides.
fn encoded_signed8(numbers: vec4f, scale: f32) -> vec4u {
    let x = storable(numbers);
    let y = abs(x / scale);
    let negative = x < vec4f(0.0);
    // The number below, unless it is the nearest already.
    let below = min(vec4i(position_of(y, f32(PARTS_signed8)) - 0.5), vec4i(LAST_signed8 - 1));
    let low = number_signed8(below);
    let high = number_signed8(below + 1);
    let half = 0.5 * (high - low);
    let is_low = select((y - low) < half, (high - y) >= half, negative);
    let number = below + select(vec4i(1), vec4i(0), is_low) - FIRST_signed8;
    let codes = select(ZERO_signed8 + number, ZERO_signed8 - min(number, vec4i(ZERO_signed8)), negative);
    let above = (vec4i(0) < bitcast<vec4i>(x)) & vec4<bool>(ZERO_signed8 == 0);
    return vec4u(select(codes, max(codes, vec4i(1)), above));
}
