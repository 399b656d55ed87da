// What limits gradients. Twin: src/step/clip.rs.

// min(1, max_norm / (length + eps)), 1 where there is no gradient at all.
fn norm_factor(length: Wide, max_norm: f32, eps: f32) -> Wide {
    let long = wide_sum(length, wide(eps));
    let most = wide(max_norm);
    if wide_less(most, long) {
        return wide_quotient(most, long);
    }
    return Wide(1.0, 0);
}

// The factor of a unit whose gradient and values have these norms.
fn adaptive_factor(gradient: Wide, values: Wide, clipping: f32, eps: f32) -> Wide {
    let longest = wide_product(wide(clipping), wide_max(values, wide(eps)));
    if wide_less(gradient, longest) {
        return Wide(1.0, 0);
    }
    return wide_quotient(longest, wide_max(gradient, wide(1e-6)));
}

// A factor as `factored` takes it: itself, or, where it is no normal number, minus 2^126 of it. 0 below 2^-252.
fn stored(factor: Wide) -> f32 {
    let plain = narrow(factor);
    return select(plain, -narrow(Wide(factor.significand, factor.exponent + 126)), plain == 0.0);
}
