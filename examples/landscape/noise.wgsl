// The noise of the gradients: a pure function of seed, step and element, so nothing is uploaded and every run can be repeated bit for bit.
// `tests/landscape/noise.rs` has the same functions.

// The mixing function "lowbias32" (Wellons, https://nullprogram.com/blog/2018/07/31/), a bijection of u32.
fn mix_bits(word: u32) -> u32 {
    var h = word;
    h = (h ^ (h >> 16u)) * 0x7feb352du;
    h = (h ^ (h >> 15u)) * 0x846ca68bu;
    return h ^ (h >> 16u);
}

// Uniform in -1..1, an odd multiple of 2^-23: symmetric about 0, and exact in f32.
fn uniform_noise(seed: u32, step: u32, element: u32) -> f32 {
    let h = mix_bits(mix_bits(mix_bits(seed) + step) + element);
    return (f32(h >> 9u) + 0.5) * (1.0 / 4194304.0) - 1.0;
}
