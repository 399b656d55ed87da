// Sums of squares of any f32. Squares of numbers from 2^27 on are summed times 2^-156, those of smaller ones times 2^46, so that none overflows and
// none above 1e-26 is lost (Blue, "A portable Fortran program to find the Euclidean norm of a vector", ACM TOMS 4, 1978, with two ranges).

// A sum of one kind in the making: four at once.
struct Tally { low: vec4f, high: vec4f, largest: vec4u }

// Exponents are shifted as bits: compilers square first where they can, and only then multiply. An infinity or NaN shows in `largest` alone.
fn tallied(t: Tally, x: vec4f) -> Tally {
    let bits = bitcast<vec4u>(x) & vec4u(0x7fffffffu);
    let is_large = bits >= vec4u(0x4d000000u);
    let is_small = (bits >= vec4u(0x00800000u)) & !is_large;
    let small = bitcast<vec4f>(select(vec4u(0u), bits + vec4u(23u << 23u), is_small));
    let large = bitcast<vec4f>(select(vec4u(0u), bits - vec4u(78u << 23u), is_large));
    return Tally(t.low + small * small, t.high + large * large, max(t.largest, bits));
}

// Whether plain squares of numbers of at most these magnitudes do as well: below 2^27 no sum of them overflows, and from 2^-30 on what was lost is less
// than 2^-66 of the largest square.
fn is_plain(largest: vec4u) -> bool {
    let most = max(max(largest.x, largest.y), max(largest.z, largest.w));
    return most < 0x4d000000u && (most >= 0x30800000u || most == 0u);
}

// Then, from the sums of these squares.
fn plain(squares: vec4f, largest: vec4u) -> Tally {
    return Tally(squares * 7.0368744e13, vec4f(0.0), largest);
}

fn magnitudes(x: vec4f) -> vec4u {
    return bitcast<vec4u>(x) & vec4u(0x7fffffffu);
}

// Sums of sums, so that roundings do not add up over all terms.
fn both(a: Tally, b: Tally) -> Tally {
    return Tally(a.low + b.low, a.high + b.high, max(a.largest, b.largest));
}

fn across(x: vec4f) -> f32 {
    return (x.x + x.y) + (x.z + x.w);
}

// An infinity or NaN among the values makes their sum so.
fn sum_of(gradient: Tally, value: Tally) -> Sum {
    let most = most_of(value.largest);
    let value_high = select(across(value.high), bitcast<f32>(most), most >= 0x7f800000u);
    return Sum(across(gradient.low), across(gradient.high), most_of(gradient.largest), across(value.low), value_high);
}

fn most_of(largest: vec4u) -> u32 {
    return max(max(largest.x, largest.y), max(largest.z, largest.w));
}

fn joined(a: Sum, b: Sum) -> Sum {
    return Sum(a.low + b.low, a.high + b.high, max(a.largest, b.largest), a.value_low + b.value_low, a.value_high + b.value_high);
}

// The norm times `scale`, which f32 may not hold.
fn wide_norm(low: f32, high: f32, scale: f32) -> Wide {
    let small = wide(select(root(max(low, 1.1754944e-38)), 0.0, low < 1.1754944e-38));
    var length = Wide(small.significand, small.exponent - 23);
    if high != 0.0 {
        let in_high = narrow(Wide(small.significand, small.exponent - 101));
        let large = wide(root(high + in_high * in_high));
        length = Wide(large.significand, large.exponent + 78);
    }
    return wide_product(length, wide(scale));
}

// The same, at most f32's largest number.
fn norm(low: f32, high: f32, scale: f32) -> f32 {
    return narrow(wide_norm(low, high, scale));
}
