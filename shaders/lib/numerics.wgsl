// Careful f32. The twins are in src/rule/numerics.rs.

// 1 - beta^step from the two parts of ln(beta), within 2.2 ulp for every step from 1 to 10^7, 1.4 where fma is fused. WGSL has no expm1,
// and its exp may be off by 3 + 2|x| ulp (157 seen on llvmpipe), so: exp(x) = 2^k exp(r), |r| <= ln(2)/2, with exp(r) - 1 as a series, and 1 - 2^k exact.
fn one_minus_pow(ln_beta: f32, ln_beta_low: f32, step: f32) -> f32 {
    let x = max(fma(step, ln_beta, step * ln_beta_low), -87.0);
    let k = round(x * 1.44269504);
    // ln(2) in two parts, the first with trailing zeros so that its product with k is exact (Cody and Waite).
    let r = (x - k * 0.693359375) + k * 2.12194440e-4;
    let series = r * (1.0 + r * (0.5 + r * (1.6666667e-1 + r * (4.1666667e-2
        + r * (8.3333333e-3 + r * (1.3888889e-3 + r * (1.9841270e-4 + r * 2.4801587e-5)))))));
    let power = bitcast<f32>(u32(i32(k) + 127) << 23u);
    return (1.0 - power) - power * series;
}

// 1 / sqrt(x): WGSL allows inverseSqrt 2 ulp; one Newton step leaves about one.
fn inverse_root(x: f32) -> f32 {
    let y = inverseSqrt(x);
    return y + y * (0.5 - 0.5 * x * y * y);
}

// a / b: WGSL allows 2.5 ulp; the remainder corrects it to about one.
fn quotient(a: f32, b: f32) -> f32 {
    let q = a / b;
    return q + fma(-q, b, a) / b;
}

// beta * average + rest * x with rest = 1 - beta formed in f64: torch's lerp, from the nearer end, so that a constant x is a fixed
// point and the rounding of beta to f32 does not bias the average.
fn moving_average(average: vec4f, x: vec4f, beta: f32, rest: f32) -> vec4f {
    if rest < 0.5 {
        return average + rest * (x - average);
    }
    return x - beta * (x - average);
}
