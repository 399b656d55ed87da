// The factors of adaptive clipping and unscaling, which the update looks up, for `factored`. A tensor's words: parameter, first slot, units, where the factors go.
fn set_unit_factors(invocation: u32, unscale: f32) {
    for (var tensor = 0u; tensor < tree[UNIT_COUNT]; tensor++) {
        let at = tree[UNITS] + 4u * tensor;
        let clip = clip_of(parameters[tree[at]]);
        let first = tree[at + 1u];
        let units = tree[at + 2u];
        let factors = tree[at + 3u];
        // Four at once: each load is waited for.
        for (var unit = invocation; unit < units; unit += 4u * INVOCATIONS) {
            let a = sums[first + unit];
            let b = sums[first + min(unit + INVOCATIONS, units - 1u)];
            let c = sums[first + min(unit + 2u * INVOCATIONS, units - 1u)];
            let d = sums[first + min(unit + 3u * INVOCATIONS, units - 1u)];
            record[factors + unit] = unit_factor(a, clip, unscale);
            if unit + INVOCATIONS < units {
                record[factors + unit + INVOCATIONS] = unit_factor(b, clip, unscale);
            }
            if unit + 2u * INVOCATIONS < units {
                record[factors + unit + 2u * INVOCATIONS] = unit_factor(c, clip, unscale);
            }
            if unit + 3u * INVOCATIONS < units {
                record[factors + unit + 3u * INVOCATIONS] = unit_factor(d, clip, unscale);
            }
        }
    }
}

fn unit_factor(sum: Sum, clip: ClipWords, unscale: f32) -> u32 {
    // Beside an infinity no finite gradient is left, and nothing but NaN beside a NaN, or where both norms are infinite.
    let largest_value = bitcast<u32>(sum.value_high) & 0x7fffffffu;
    if sum.largest == 0x7f800000u && largest_value < 0x7f800000u {
        return 0u;
    }
    if sum.largest >= 0x7f800000u || largest_value > 0x7f800000u {
        return 0x7fc00000u;
    }
    if largest_value == 0x7f800000u {
        return bitcast<u32>(unscale);
    }
    let gradient = wide_norm(sum.low, sum.high, unscale);
    let values = wide_norm(sum.value_low, sum.value_high, 1.0);
    return bitcast<u32>(stored(wide_product(wide(unscale), adaptive_factor(gradient, values, clip.limit, clip.eps))));
}
