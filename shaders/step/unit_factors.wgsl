// The factors of adaptive clipping and unscaling, which the update looks up, for `factored`. A workgroup has some units of one tensor, whose words are parameter, first
// slot, units, and where the factors go.

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    let index = workgroup.y * workgroups.x + workgroup.x;
    if index >= tree[UNIT_COUNT] {
        return;
    }
    let at = tree[UNITS] + 4u * index;
    let clip = load_clip(parameters[tree[at]].clip);
    let unscale = status.unscale;
    let first = tree[at + 1u];
    let units = tree[at + 2u];
    let factors = tree[at + 3u];
    for (var unit = invocation; unit < units; unit += INVOCATIONS) {
        record[factors + unit] = unit_factor(sums[first + unit], clip, unscale);
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
