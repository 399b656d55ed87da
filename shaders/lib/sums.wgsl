// Sums of squares of any f32. Squares of numbers from 2^27 on are summed times 2^-156, those of smaller ones times 2^46, so that none overflows and
// none above 1e-26 is lost (Blue, "A portable Fortran program to find the Euclidean norm of a vector", ACM TOMS 4, 1978, with two ranges).

// Of a gradient, with its largest magnitude as bits, and of values.
struct Sum { low: f32, high: f32, largest: u32, value_low: f32, value_high: f32 }

// The same in the making: four at once.
struct Tally { low: vec4f, high: vec4f, largest: vec4u }

fn tallied(t: Tally, x: vec4f) -> Tally {
    let is_large = abs(x) >= vec4f(134217728.0);
    let small = select(x, vec4f(0.0), is_large) * 8388608.0;
    let large = select(vec4f(0.0), x, is_large) * 3.3087225e-24;
    let largest = max(t.largest, bitcast<vec4u>(x) & vec4u(0x7fffffffu));
    return Tally(t.low + small * small, t.high + large * large, largest);
}

// Sums of sums, so that roundings do not add up over all terms.
fn both(a: Tally, b: Tally) -> Tally {
    return Tally(a.low + b.low, a.high + b.high, max(a.largest, b.largest));
}

fn across(x: vec4f) -> f32 {
    return (x.x + x.y) + (x.z + x.w);
}

fn sum_of(gradient: Tally, value: Tally) -> Sum {
    let largest = max(max(gradient.largest.x, gradient.largest.y), max(gradient.largest.z, gradient.largest.w));
    return Sum(across(gradient.low), across(gradient.high), largest, across(value.low), across(value.high));
}

fn joined(a: Sum, b: Sum) -> Sum {
    return Sum(a.low + b.low, a.high + b.high, max(a.largest, b.largest), a.value_low + b.value_low, a.value_high + b.value_high);
}

// The norm times `scale`, at most f32's largest number.
fn norm(low: f32, high: f32, scale: f32) -> f32 {
    if high != 0.0 {
        let whole = high + (low * 3.9443045e-31) * 3.9443045e-31;
        return min((root(whole) * scale) * 3.0223145e23, 3.4028235e38);
    }
    return select(root(max(low, 1.1754944e-38)) * 1.1920929e-7 * scale, 0.0, low < 1.1754944e-38);
}
