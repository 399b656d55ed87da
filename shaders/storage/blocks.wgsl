// What formats with a scale for each block have in common.

// What is stored of any number: 0 of a NaN, the largest number of an infinite one.
fn storable(x: vec4f) -> vec4f {
    let bits = bitcast<vec4u>(x);
    let magnitude = bits & vec4u(0x7fffffffu);
    let sign = bits & vec4u(0x80000000u);
    let finite = sign | min(magnitude, vec4u(0x7f7fffffu));
    return bitcast<vec4f>(select(finite, vec4u(0u), magnitude > vec4u(0x7f800000u)));
}

// In which cell of a dynamic map magnitudes from 0 to 1 are, counted from the one at 0; off by one at most, next to a cell's end. Each decade has twice the cells of the one
// below it: 1 to 64, or 2 to 128.
fn cells_of(y: vec4f, doubled: bool) -> vec4u {
    let decade = clamp(floor(log2(max(y, vec4f(1e-8))) * 0.30103 + 7.0), vec4f(0.0), vec4f(6.0));
    let count = vec4u(select(1u, 2u, doubled)) << vec4u(decade);
    let part = (y * exp2((6.0 - decade) * 3.321928) - 0.1) * (1.0 / 0.9) * vec4f(count);
    let cell = min(vec4u(max(part, vec4f(0.0))), count - 1u);
    return select(count + cell - select(0u, 1u, doubled), vec4u(0u), y < vec4f(1e-7));
}
