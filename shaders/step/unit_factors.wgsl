// The factors of adaptive clipping and unscaling, which the update looks up, for `factored`. A tensor's words: parameter, first slot, units, where the factors go.
fn set_unit_factors(invocation: u32, unscale: f32) {
    for (var tensor = 0u; tensor < tree[UNIT_COUNT]; tensor++) {
        let at = tree[UNITS] + 4u * tensor;
        let clip = clip_of(parameters[tree[at]]);
        for (var unit = invocation; unit < tree[at + 2u]; unit += INVOCATIONS) {
            let sum = sums[tree[at + 1u] + unit];
            let gradient = wide_norm(sum.low, sum.high, unscale);
            let values = wide_norm(sum.value_low, sum.value_high, 1.0);
            var factor = bitcast<u32>(stored(wide_product(wide(unscale), adaptive_factor(gradient, values, clip.limit, clip.eps))));
            // Beside an infinity no finite gradient is left, and nothing but NaN beside a NaN, or where both norms are infinite.
            let largest_value = bitcast<u32>(sum.value_high) & 0x7fffffffu;
            if sum.largest == 0x7f800000u && largest_value < 0x7f800000u {
                factor = 0u;
            } else if sum.largest >= 0x7f800000u || largest_value > 0x7f800000u {
                factor = 0x7fc00000u;
            } else if largest_value == 0x7f800000u {
                factor = bitcast<u32>(unscale);
            }
            record[tree[at + 3u] + unit] = factor;
        }
    }
}
