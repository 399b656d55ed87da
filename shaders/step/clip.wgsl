// What limits gradients. Twin: src/step/clip.rs.

// min(1, max_norm / (norm + eps)), 1 where there is no gradient at all.
fn norm_factor(length: f32, max_norm: f32, eps: f32) -> f32 {
    let long = length + eps;
    if long <= max_norm {
        // Not by the quotient, which may be too large for f32.
        return 1.0;
    }
    return quotient(max_norm, long);
}

// The factor of a unit whose gradient and values have these norms.
fn adaptive_factor(gradient: f32, values: f32, clipping: f32, eps: f32) -> f32 {
    let longest = clipping * max(values, eps);
    return select(quotient(longest, max(gradient, 1e-6)), 1.0, gradient < longest);
}
