//! The dynamic maps of 8 bits, as torchao 0.18 and bitsandbytes 0.50 have them (`create_dynamic_map`; both are equal): 0, and 1, and between them seven decades, of which each has twice
//! the numbers of the one below it: the middles of 1, 2, .. 64 equal parts of 0.1 to 1 if there is a sign, of 2, 4, .. 128 if there is none, times 1e-6 .. 1.
//! Bits are those that torch's `linspace` and products in f32 give. Twin: `shaders/storage/blocks.wgsl`.

/// Where the k-th of so many equal parts of 0.1 to 1 begins: `0.1 + k * step` in the lower half, `1 - (n - k) * step` in the upper, each exact and then rounded to f32. `0.1`, `1` and
/// `step` are the f32 numbers, whose multiples of 2^-31 are whole.
const fn end_of(k: u64, parts: u64) -> f32 {
    const LEAST: u64 = 13_421_773 << 4;
    const STEPS: u64 = 15_099_494 << 7;
    let from_least = LEAST + STEPS / parts * k;
    let from_one = (1 << 31) - STEPS / parts * (parts - k);
    // A power of two: dividing by it does not round.
    (if 2 * k < parts { from_least } else { from_one }) as f32 / 2_147_483_648.0
}

/// The number in the middle of the k-th of so many parts of a decade that ends at `decade`.
const fn middle(k: u64, parts: u64, decade: f32) -> f32 {
    (end_of(k, parts) + end_of(k + 1, parts)) / 2.0 * decade
}

const DECADES: [f32; 7] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0];

/// 0 and the numbers above it, in order, where the first decade has so many.
const fn magnitudes<const COUNT: usize>(parts: u64) -> [f32; COUNT] {
    let mut map = [0.0; COUNT];
    let (mut at, mut decade, mut parts) = (1, 0, parts);
    while decade < DECADES.len() {
        let mut k = 0;
        while k < parts {
            map[at] = middle(k, parts, DECADES[decade]);
            (at, k) = (at + 1, k + 1);
        }
        (decade, parts) = (decade + 1, 2 * parts);
    }
    map[at] = 1.0;
    map
}

/// The signed map, in order: 127 numbers below 0, which are those above it but for 1; 0; and 128 above.
pub(super) const fn signed() -> [f32; 256] {
    const MAGNITUDES: [f32; 129] = magnitudes(1);
    let mut map = [0.0; 256];
    let mut at = 1;
    while at < MAGNITUDES.len() {
        map[127 + at] = MAGNITUDES[at];
        if at < 128 {
            map[127 - at] = -MAGNITUDES[at];
        }
        at += 1;
    }
    map
}

/// The unsigned map, in order: 0, and 255 numbers above.
pub(super) const fn unsigned() -> [f32; 256] {
    magnitudes(2)
}

/// Ten times how often each decade has its place below 1.
const STEEPNESS: [f64; 7] = [1e6, 1e5, 1e4, 1e3, 1e2, 1e1, 1.0];

/// The lines of the decades of a map whose first one has so many parts: where magnitudes up to 1 are among its numbers, less so much. Part k of n spans n + k to n + k + 1.
pub(super) const fn lines(parts: u32, less: f32) -> [[f32; 2]; 7] {
    let mut lines = [[0.0; 2]; 7];
    let (mut decade, mut parts) = (0, parts as f32);
    while decade < lines.len() {
        lines[decade] = [(STEEPNESS[decade] / 0.9) as f32 * parts, parts * (8.0 / 9.0) - less];
        (decade, parts) = (decade + 1, 2.0 * parts);
    }
    lines
}

/// Where a magnitude is, off by less than a third of a number. Each line is less steep than the one below it, so the least of all is that of the own decade.
pub(super) fn position_of(y: f32, lines: &[[f32; 2]; 7]) -> f32 {
    lines.iter().map(|[steepness, at_zero]| y * steepness + at_zero).fold(f32::INFINITY, f32::min)
}

/// The least f32 of which the upper one of two neighbours of a map is the nearest: the middle of both, or a neighbour of that in f32.
pub(super) const fn bound_between(low: f32, high: f32) -> f32 {
    let half = 0.5 * (high - low);
    let middle = 0.5 * (low + high);
    let (below, above) = (middle.next_down(), middle.next_up());
    if below - low >= half {
        below
    } else if middle - low >= half {
        middle
    } else {
        above
    }
}
