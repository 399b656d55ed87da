// By what a parameter's gradient is multiplied, where gradients were measured.
fn gradient_factor(entry: Entry, clip: ClipWords) -> f32 {
    let sum = sums[entry.slot];
    if clip.kind == TWO {
        return status.unscale * norm_factor(norm(sum.low, sum.high, status.unscale), clip.limit, clip.eps);
    }
    if clip.kind == INFINITY {
        return status.unscale * norm_factor(status.unscale * bitcast<f32>(sum.largest), clip.limit, clip.eps);
    }
    return status.unscale;
}
