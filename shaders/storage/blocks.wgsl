// What formats with a scale for each block have in common.

// What is stored of any number: 0 of a NaN, the largest number of an infinite one.
fn storable(x: vec4f) -> vec4f {
    let bits = bitcast<vec4u>(x);
    let magnitude = bits & vec4u(0x7fffffffu);
    let sign = bits & vec4u(0x80000000u);
    let finite = sign | min(magnitude, vec4u(0x7f7fffffu));
    return bitcast<vec4f>(select(finite, vec4u(0u), magnitude > vec4u(0x7f800000u)));
}

// The end of a part of 0.1 to 1, so many 128ths of it from 0.1, times 2^30: numbers that torch's linspace rounds to f32, formed from the nearer end.
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

// Where among the numbers of such a map magnitudes up to 1 are, off by much less than half a number: part k of n spans n + k to n + k + 1.
fn position_of(y: vec4f, parts: f32) -> vec4f {
    // 10 / 9 of ten times how often a decade has its place below 1.
    var scale = vec4f(1e6 / 0.9);
    var n = vec4f(parts);
    scale = select(scale, vec4f(1e5 / 0.9), y >= vec4f(1e-6));
    n = select(n, vec4f(2.0 * parts), y >= vec4f(1e-6));
    scale = select(scale, vec4f(1e4 / 0.9), y >= vec4f(1e-5));
    n = select(n, vec4f(4.0 * parts), y >= vec4f(1e-5));
    scale = select(scale, vec4f(1e3 / 0.9), y >= vec4f(1e-4));
    n = select(n, vec4f(8.0 * parts), y >= vec4f(1e-4));
    scale = select(scale, vec4f(1e2 / 0.9), y >= vec4f(1e-3));
    n = select(n, vec4f(16.0 * parts), y >= vec4f(1e-3));
    scale = select(scale, vec4f(1e1 / 0.9), y >= vec4f(1e-2));
    n = select(n, vec4f(32.0 * parts), y >= vec4f(1e-2));
    scale = select(scale, vec4f(1.0 / 0.9), y >= vec4f(1e-1));
    n = select(n, vec4f(64.0 * parts), y >= vec4f(1e-1));
    return (y * scale + 8.0 / 9.0) * n;
}
