// What formats with a scale for each block have in common.

// What is stored of any number: 0 of a NaN, the largest number of an infinite one.
fn storable(x: vec4f) -> vec4f {
    let bits = bitcast<vec4u>(x);
    let magnitude = bits & vec4u(0x7fffffffu);
    let sign = bits & vec4u(0x80000000u);
    let finite = sign | min(magnitude, vec4u(0x7f7fffffu));
    return bitcast<vec4f>(select(finite, vec4u(0u), magnitude > vec4u(0x7f800000u)));
}

// The end of a part of 0.1 to 1, so many steps of 1/128 of it from 0.1, times 2^30: numbers that torch's linspace rounds to f32, formed from the nearer end.
fn end_of(part: vec4u) -> vec4f {
    let upper = vec4u(107374208u);
    return vec4f(vec4i(part * 7549747u + select(upper, vec4u(107374184u), part < vec4u(64u))));
}

// Number `t` of a dynamic map, from 1 on: the middle of a part of its decade. Of decades, of which the first has `parts` and each has twice the parts of the one below it, part k of n
// is number n + k. Rounded as torch does, so that the bits are those of its table.
fn middle_of(t: vec4i, parts: f32) -> vec4f {
    let number = vec4f(t);
    let bits = bitcast<vec4u>(number);
    let part = bits >> vec4u(16u) & vec4u(127u);
    let size = vec4u(128u) >> ((bits >> vec4u(23u)) - 127u & vec4u(31u));
    // Half of 2^-30.
    let unit = 4.656612873077393e-10;
    var decade = vec4f(1e-6 * unit);
    decade = select(decade, vec4f(1e-5 * unit), number >= vec4f(2.0 * parts));
    decade = select(decade, vec4f(1e-4 * unit), number >= vec4f(4.0 * parts));
    decade = select(decade, vec4f(1e-3 * unit), number >= vec4f(8.0 * parts));
    decade = select(decade, vec4f(1e-2 * unit), number >= vec4f(16.0 * parts));
    decade = select(decade, vec4f(1e-1 * unit), number >= vec4f(32.0 * parts));
    decade = select(decade, vec4f(unit), number >= vec4f(64.0 * parts));
    return (end_of(part) + end_of(part + size)) * decade;
}

// The bits of where magnitudes up to 1 are among the numbers of such a map, less so much, off by less than a third of a number: part k of n spans n + k to n + k + 1. Each decade is a
// line, less steep than the one below it, so that the least of all lines is that of the own decade. They are above 0, and have the order of their bits: to llvmpipe the least of two
// f32 is three instructions, and that of two u32 one.
fn position_of(y: vec4f, parts: f32, less: f32) -> vec4u {
    var at = line_of(y, 1e6 / 0.9, parts, less);
    at = min(at, line_of(y, 1e5 / 0.9, 2.0 * parts, less));
    at = min(at, line_of(y, 1e4 / 0.9, 4.0 * parts, less));
    at = min(at, line_of(y, 1e3 / 0.9, 8.0 * parts, less));
    at = min(at, line_of(y, 1e2 / 0.9, 16.0 * parts, less));
    at = min(at, line_of(y, 1e1 / 0.9, 32.0 * parts, less));
    return min(at, line_of(y, 1.0 / 0.9, 64.0 * parts, less));
}

// 10 / 9 of ten times how often a decade has its place below 1, so that it spans 8 / 9 + 1 / 9 to 8 / 9 + 10 / 9 times its parts.
fn line_of(y: vec4f, steepness: f32, parts: f32, less: f32) -> vec4u {
    return bitcast<vec4u>(fma(y, vec4f(steepness * parts), vec4f(parts * (8.0 / 9.0) - less)));
}

// The least f32 of which the upper one of two neighbours of a map is the nearest: the middle of both, or a neighbour of that in f32.
fn bound_between(low: f32, high: f32) -> f32 {
    let half = 0.5 * (high - low);
    // Not `low + half`, of which compilers may make `half` again in `middle - low`.
    let middle = 0.5 * (low + high);
    let step = select(1u, 0xffffffffu, middle < 0.0);
    let below = bitcast<f32>(bitcast<u32>(middle) - step);
    let above = bitcast<f32>(bitcast<u32>(middle) + step);
    return select(select(above, middle, (middle - low) >= half), below, (below - low) >= half);
}
