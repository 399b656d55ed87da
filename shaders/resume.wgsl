// One workgroup finishes the sums of a stage over tensors, groups and all, and forms the scalars that follow from them.

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) invocation: u32) {
    levels(invocation, 0u, tree[LOWER]);
    let bound = arrayLength(&parameters);
    for (var i = invocation; i < bound; i += INVOCATIONS) {
        var sum = Sum();
        if is_active(parameters[i]) {
            sum = with_items(sums[tree[tree[MEMBERS_OF] + 3u * i]], bitcast<f32>(tree[tree[MEMBERS_OF] + 3u * i + 2u]));
        }
        sums[tree[MEMBERS] + i] = sum;
    }
    storageBarrier();
    levels(invocation, tree[LOWER], tree[LEVELS]);
    for (var i = invocation; i < bound; i += INVOCATIONS) {
        let entry = parameters[i];
        if is_active(entry) {
            let own = sums[tree[MEMBERS] + i];
            let of_group = sums[tree[tree[MEMBERS_OF] + 3u * i + 1u]];
            let whole = formed(entry.record + SUMS, own, of_group, sums[tree[ROOT]], bitcast<f32>(tree[tree[MEMBERS_OF] + 3u * i + 2u]));
            resumed(entry, whole);
        }
    }
}

fn is_active(entry: ParamSettings) -> bool {
    return entry.rule == RULE && record[entry.record + IS_ACTIVE] == 1u;
}
