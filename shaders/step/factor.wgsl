// By what a parameter's gradient is multiplied, where gradients were measured.
fn gradient_factor(entry: Entry, clip: ClipWords, unscale: f32) -> f32 {
    let sum = sums[entry.slot];
    let clips = clip.kind == TWO || clip.kind == INFINITY;
    if clips && sum.largest >= 0x7f800000u {
        // As in torch: no finite gradient is left beside an infinite one, and nothing but NaN beside a NaN.
        return select(0.0, bitcast<f32>(sum.largest), sum.largest > 0x7f800000u);
    }
    if clip.kind == TWO {
        return unscale * norm_factor(norm(sum.low, sum.high, unscale), clip.limit, clip.eps);
    }
    if clip.kind == INFINITY {
        return unscale * norm_factor(unscale * bitcast<f32>(sum.largest), clip.limit, clip.eps);
    }
    return unscale;
}
