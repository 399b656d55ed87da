// Careful f32. The twins are in src/rule/numerics.rs.

// 1 - beta^step from the two parts of ln(beta), within 2.2 ulp for every step from 1 to 10^7, 1.6 where fma is fused. WGSL has no expm1,
// and its exp may be off by 3 + 2|x| ulp (157 seen on llvmpipe), so: exp(x) = 2^k exp(r), |r| <= ln(2)/2, with exp(r) - 1 as a series, and 1 - 2^k exact.
fn one_minus_pow(ln_beta: f32, ln_beta_low: f32, step: f32) -> f32 {
    let x = exponential(step, ln_beta, ln_beta_low);
    return (1.0 - x.power) - x.power * x.series;
}

// beta^step, at least 2^-126; within 1 ulp where fma is fused, elsewhere |ln(beta^step)| / 2 more, 60 at most.
fn step_pow(ln_beta: f32, ln_beta_low: f32, step: f32) -> f32 {
    let x = exponential(step, ln_beta, ln_beta_low);
    return x.power + x.power * x.series;
}

// exp(x) = power * (1 + series) for x = step * ln_beta <= 0, -87 standing for all below; x_low is what rounding took from the product.
struct Exponential { power: f32, series: f32 }

fn exponential(step: f32, ln_beta: f32, ln_beta_low: f32) -> Exponential {
    let product = step * ln_beta;
    let x = max(product, -87.0);
    let x_low = fma(step, ln_beta, -product) + step * ln_beta_low;
    let k = round(x * 1.44269504);
    // ln(2) in two parts, the first with trailing zeros so that its product with k is exact (Cody and Waite).
    let r = (x - k * 0.693359375) + (k * 2.12194440e-4 + x_low);
    return Exponential(bitcast<f32>(u32(i32(k) + 127) << 23u), exp_series(r));
}

// exp(r) - 1 for |r| <= ln(2)/2.
fn exp_series(r: f32) -> f32 {
    return r * (1.0 + r * (0.5 + r * (1.6666667e-1 + r * (4.1666667e-2
        + r * (8.3333333e-3 + r * (1.3888889e-3 + r * (1.9841270e-4 + r * 2.4801587e-5)))))));
}

// x^exponent for normal x > 0 and a result below 2^127, 0 below 2^-126; the exponent in two parts, the first of 12 bits (`exponent_parts`).
// WGSL's pow inherits the errors of exp2 and log2, hundreds of ulp. Here x = 2^e * m, sqrt(1/2) <= m < sqrt(2), and e * exponent, which
// may be large, is exact; log2(m) = 2 / ln(2) * atanh((m - 1) / (m + 1)) as a series. Off by 2 + 2 |exponent| ulp at most.
fn power(x: f32, exponent: f32, exponent_low: f32) -> f32 {
    let bits = bitcast<u32>(x);
    let whole = i32(bits - 0x3f3504f3u) >> 23u;
    let m = bitcast<f32>(bits - (u32(whole) << 23u));
    let e = f32(whole);
    let log2_m = log2_series((m - 1.0) / (m + 1.0));
    let small = e * exponent_low + (exponent + exponent_low) * log2_m;
    let k = round(e * exponent + small);
    if k < -126.0 {
        return 0.0;
    }
    let scale = bitcast<f32>(u32(i32(k) + 127) << 23u);
    return scale + scale * exp_series(((e * exponent - k) + small) * 0.69314718);
}

// log2((1 + s) / (1 - s)) for (1 + s) / (1 - s) within sqrt(2) of 1.
fn log2_series(s: f32) -> f32 {
    return s * (2.8853901 + s * s * (0.9617967 + s * s * (0.57707802 + s * s * (0.41219858 + s * s * 0.3205989))));
}

// ln(a / b) for a, b >= 0; -1e30 for an a of 0. `log` may be off by 2^-21 near 1, so: a 2^-k, exact and within sqrt(2) of b, and the series
// of ln(x) = 2 artanh((x - 1) / (x + 1)), whose x - 1 is exact for a near b.
fn ln_ratio(a: f32, b: f32) -> f32 {
    let x = wide(max(a, 1.1754944e-38));
    let y = wide(max(b, 1.1754944e-38));
    let up = select(0, 1, x.significand > 1.4142135 * y.significand);
    let down = select(0, 1, y.significand > 1.4142135 * x.significand);
    let scaled = x.significand * two_power(down - up);
    let u = quotient(scaled - y.significand, scaled + y.significand);
    let u2 = u * u;
    let series = 2.0 * u * (1.0 + u2 * (3.3333333e-1 + u2 * (0.2 + u2 * (1.4285714e-1 + u2 * 1.1111111e-1))));
    return select(f32(x.exponent - y.exponent + up - down) * 6.9314718e-1 + series, -1e30, a == 0.0);
}

// 1 / sqrt(x): WGSL allows inverseSqrt 2 ulp; one Newton step leaves about one. The half is y's, since that of a small x would be subnormal.
fn inverse_root(x: f32) -> f32 {
    let y = inverseSqrt(x);
    return y + y * (0.5 - (0.5 * y) * (x * y));
}

// sqrt(x) for x > 0, which WGSL lets inherit from inverseSqrt, to about an ulp.
fn root(x: f32) -> f32 {
    return x * inverse_root(x);
}

// The cube root of x >= 0, and 0 where x is subnormal: a third of the exponent is within 4%, and each Newton step squares the error. The last one
// ends within 0.74 ulp, or 1.74 where the quotient is off by the 2.5 ulp that WGSL allows, since a third of that counts.
fn cube_root(x: vec4f) -> vec4f {
    var y = bitcast<vec4f>(bitcast<vec4u>(x) / 3u + 0x2a5137a0u);
    for (var i = 0u; i < 3u; i++) {
        y -= (y - x / (y * y)) * 0.33333334;
    }
    return select(y, vec4f(0.0), x < vec4f(1.1754944e-38));
}

// a / b, also where the reciprocal of b would be flushed: WGSL allows 2.5 ulp; the remainder corrects it to about one. Where it or b is infinite, there is no remainder.
fn quotient(a: f32, b: f32) -> f32 {
    let scale = select(1.0, 9.094947e-13, abs(b) > 1.0141205e31);
    let x = a * scale;
    let y = b * scale;
    let q = x / y;
    let rest = fma(-q, y, x) / y;
    let is_finite = (bitcast<u32>(rest) & 0x7f800000u) != 0x7f800000u;
    return select(q, q + rest, is_finite);
}

// a / b, also where the reciprocal of b would be flushed.
fn ratio(a: vec4f, b: vec4f) -> vec4f {
    let scale = select(vec4f(1.0), vec4f(9.094947e-13), abs(b) > vec4f(1.0141205e31));
    return (a * scale) / (b * scale);
}

// a + weight * (b - a).
fn lerp(a: vec4f, b: vec4f, weight: f32) -> vec4f {
    return a + weight * (b - a);
}

// x where both a and b are negative or neither is, else 0; either where one of them is a NaN.
fn where_same_side(x: vec4f, a: vec4f, b: vec4f) -> vec4f {
    return select(vec4f(0.0), x, (a < vec4f(0.0)) == (b < vec4f(0.0)));
}

// beta * average + rest * x with rest = 1 - beta formed in f64: torch's lerp, from the nearer end, so that a constant x is a fixed
// point and the rounding of beta to f32 does not bias the average.
fn moving_average(average: vec4f, x: vec4f, beta: f32, rest: f32) -> vec4f {
    let is_near = rest < 0.5;
    return select(x, average, is_near) + select(-beta, rest, is_near) * (x - average);
}

// x as f32 has it, for differences from what it was formed from: compilers may make `-d` of `(x - d) - x`, but do not know that no step is 0.
fn rounded(x: vec4f, step: u32) -> vec4f {
    return bitcast<vec4f>(bitcast<vec4u>(x) ^ vec4u(select(0u, 1u, step == 0u)));
}

// A NaN stays one. WGSL may assume that there is none: its sign, min, max and clamp drop it on some adapters, and so may comparisons. Its arithmetic is
// that of the hardware, which keeps it, and bits are what they are: what comes from gradients goes through these.

// Whether each is a NaN.
fn is_nan(x: vec4f) -> vec4<bool> {
    return (bitcast<vec4u>(x) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u);
}

// x, or a NaN where it is infinite: one bit more, since WGSL has no constant for it.
fn finite_or_nan(x: vec4f) -> vec4f {
    let bits = bitcast<vec4u>(x);
    return bitcast<vec4f>(bits | select(vec4u(0u), vec4u(0x00400000u), (bits & vec4u(0x7f800000u)) == vec4u(0x7f800000u)));
}

// -1, 0 or 1 by the sign of x.
fn sign_of(x: vec4f) -> vec4f {
    return select(sign(x), x, is_nan(x));
}

// The larger of two that are not negative: the order of such numbers is that of their bits, and a NaN comes last.
fn larger(a: vec4f, b: vec4f) -> vec4f {
    return bitcast<vec4f>(max(bitcast<vec4u>(a), bitcast<vec4u>(b)));
}

// The larger magnitude.
fn larger_magnitude(a: vec4f, b: vec4f) -> vec4f {
    return bitcast<vec4f>(max(bitcast<vec4u>(a) & vec4u(0x7fffffffu), bitcast<vec4u>(b) & vec4u(0x7fffffffu)));
}

fn largest_across(x: vec4f) -> f32 {
    let two = larger_magnitude(x, x.zwxy);
    return larger_magnitude(two, two.yxwz).x;
}

// The smaller of two that are not negative.
fn smaller(a: vec4f, b: vec4f) -> vec4f {
    return select(bitcast<vec4f>(min(bitcast<vec4u>(a), bitcast<vec4u>(b))), larger(a, b), is_nan(larger(a, b)));
}

// x, but no less than `low`.
fn at_least(x: vec4f, low: vec4f) -> vec4f {
    return select(max(x, low), x, is_nan(x));
}

// x >= 0, but no more than `high`.
fn at_most(x: vec4f, high: vec4f) -> vec4f {
    return select(min(x, high), x, is_nan(x));
}

// x, but no less than `low` and no more than `high`.
fn clamped(x: vec4f, low: vec4f, high: vec4f) -> vec4f {
    return select(min(max(x, low), high), x, is_nan(x));
}

// One of three by the sign of x: below, at or above 0.
fn by_sign(x: vec4f, below: vec4f, at: vec4f, above: vec4f) -> vec4f {
    return select(select(select(at, below, x < vec4f(0.0)), above, x > vec4f(0.0)), x, is_nan(x));
}

// x where both a and b are above or below 0, else 0. Signs are compared, so it does not matter whether f32 can hold a * b.
fn where_agreeing(x: vec4f, a: vec4f, b: vec4f) -> vec4f {
    let zero = vec4f(0.0);
    return by_sign(b, by_sign(a, x, zero, zero), zero, by_sign(a, zero, zero, x));
}

// x, or f32's largest number with its sign where it is infinite; a NaN stays one. For sums, which an infinity would make NaN of later.
fn saturated(x: vec4f) -> vec4f {
    let bits = bitcast<vec4u>(x);
    return bitcast<vec4f>(bits - select(vec4u(0u), vec4u(1u), (bits & vec4u(0x7fffffffu)) == vec4u(0x7f800000u)));
}

// 1 / sqrt(x) for x >= 0, which counts as f32's smallest normal number at least, so that the root of 0 is no infinity.
fn reciprocal_root(x: vec4f) -> vec4f {
    return inverseSqrt(at_least(x, vec4f(1.1754944e-38)));
}

// 1 / sqrt(x / mean).
fn reciprocal_root_over(x: vec4f, mean: vec4f) -> vec4f {
    return reciprocal_root(ratio(x, at_least(mean, vec4f(1.1754944e-38))));
}

// 1 / sqrt(row * column) from what a matrix keeps of rows and of columns, each as 1 / sqrt, so that no root is taken of elements; 1 / sqrt(each) for tensors without
// rows, where `row_root` is 0.
fn factored_root(row_root: vec4f, column_root: vec4f, each: vec4f) -> vec4f {
    return where_zero(row_root, reciprocal_root(each), row_root * column_root);
}

// `at_zero` where x >= 0 is 0, else `other`, which is to be a NaN where x is one.
fn where_zero(x: vec4f, at_zero: vec4f, other: vec4f) -> vec4f {
    return select(other, at_zero, bitcast<vec4u>(x) == vec4u(0u));
}

// Whether a sum of squares is beyond f32, so that it says nothing but that its root is 1.8e19 or more.
fn is_beyond(sum: f32) -> bool {
    return sum >= 3.4e38;
}

// x * x, or nearly f32's largest number where that would be infinite: an infinite mean would make NaN of its next value.
fn square(x: vec4f) -> vec4f {
    let y = x * x;
    return select(y, vec4f(3.4028233e38), bitcast<vec4u>(y) == vec4u(0x7f800000u));
}

// The same, but 0 where there is no normal number for it: some adapters keep these, and some make them 0.
fn normal_square(x: vec4f) -> vec4f {
    let y = square(x);
    return select(y, vec4f(0.0), bitcast<vec4u>(y) < vec4u(0x00800000u));
}

// g + decay * p; without decay just g, whatever p is, as in torch: an infinite p times 0 would be NaN.
fn penalized(g: vec4f, p: vec4f, decay: f32) -> vec4f {
    return select(g + decay * p, g, decay == 0.0);
}

// A number of any magnitude, significand * 2^exponent. Adapters may flush what f32 has no normal number for, and form a / b as a * (1 / b), so
// what may leave the normal numbers on its way, or divides by more than 2^126, goes through these. An infinity or NaN is not for them.
struct Wide { significand: f32, exponent: i32 }

// The exponent of 0, below that of any other.
const WIDE_ZERO: i32 = -100000;

fn wide(x: f32) -> Wide {
    let bits = bitcast<u32>(x);
    let exponent = i32((bits >> 23u) & 0xffu) - 127;
    if exponent == -127 {
        return Wide(0.0, WIDE_ZERO);
    }
    return Wide(bitcast<f32>((bits & 0x807fffffu) | 0x3f800000u), exponent);
}

// The f32 that it is: 0 below the normal numbers, and at most f32's largest.
fn narrow(x: Wide) -> f32 {
    let own = wide(x.significand);
    let exponent = own.exponent + x.exponent;
    let sign = bitcast<u32>(own.significand) & 0x80000000u;
    let bits = (bitcast<u32>(own.significand) & 0x807fffffu) | (u32(clamp(exponent, -126, 127) + 127) << 23u);
    return bitcast<f32>(select(select(bits, sign | 0x7f7fffffu, exponent > 127), 0u, exponent < -126));
}

// 2^k for k from -126 to 127.
fn two_power(k: i32) -> f32 {
    return bitcast<f32>(u32(k + 127) << 23u);
}

fn wide_product(a: Wide, b: Wide) -> Wide {
    return Wide(a.significand * b.significand, a.exponent + b.exponent);
}

fn wide_quotient(a: Wide, b: Wide) -> Wide {
    return Wide(quotient(a.significand, b.significand), a.exponent - b.exponent);
}

// What is below 2^-126 of the other counts as that little.
fn wide_sum(a: Wide, b: Wide) -> Wide {
    let most = max(a.exponent, b.exponent);
    let scaled = a.significand * two_power(max(a.exponent - most, -126)) + b.significand * two_power(max(b.exponent - most, -126));
    return Wide(scaled, most);
}

fn wide_less(a: Wide, b: Wide) -> bool {
    return wide_sum(a, Wide(-b.significand, b.exponent)).significand < 0.0;
}

fn wide_max(a: Wide, b: Wide) -> Wide {
    if wide_less(a, b) {
        return b;
    }
    return a;
}
