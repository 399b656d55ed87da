// By what a parameter's gradient is multiplied, where gradients were measured; for `factored`.
fn gradient_factor(entry: ParamSettings, clip: ClipWords, unscale: f32) -> f32 {
    let sum = sums[entry.slot];
    if clip.kind != TWO && clip.kind != INFINITY {
        return unscale;
    }
    if sum.largest >= 0x7f800000u {
        // As in torch: no finite gradient is left beside an infinite one, and nothing but NaN beside a NaN.
        return select(0.0, bitcast<f32>(sum.largest), sum.largest > 0x7f800000u);
    }
    var length = wide_product(wide(unscale), wide(bitcast<f32>(sum.largest)));
    if clip.kind == TWO {
        length = wide_norm(sum.low, sum.high, unscale);
    }
    return stored(wide_product(wide(unscale), norm_factor(length, clip.limit, clip.eps)));
}
