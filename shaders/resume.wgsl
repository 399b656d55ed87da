// One workgroup finishes the sums of a stage over tensors, groups and all, and forms the scalars that follow from them.

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) invocation: u32) {
    levels(invocation, 0u, tree[LOWER]);
    let bound = arrayLength(&parameters);
    let members = tree[MEMBERS_OF];
    if IS_SHARED {
        let first = tree[MEMBERS];
        for (var i = invocation; i < bound; i += INVOCATIONS) {
            var sum = Sum();
            if is_active(parameters[i]) {
                sum = own_sum(members + 3u * i);
            }
            sums[first + i] = sum;
        }
        storageBarrier();
        levels(invocation, tree[LOWER], tree[LEVELS]);
    }
    let root = tree[ROOT];
    for (var i = invocation; i < bound; i += INVOCATIONS) {
        let entry = parameters[i];
        let at = members + 3u * i;
        // What a parameter has is asked for before it is known whether it is active: each load waits for the one before.
        let own = own_sum(at);
        let elements = bitcast<f32>(tree[at + 2u]);
        var of_group = own;
        var of_all = own;
        if IS_SHARED {
            of_group = sums[tree[at + 1u]];
            of_all = sums[root];
        }
        if is_active(entry) {
            let whole = formed(entry.record + SUMS, own, of_group, of_all, elements);
            resumed(entry, whole);
        }
    }
}

// The sum of a parameter whose words begin there.
fn own_sum(at: u32) -> Sum {
    return with_items(sums[tree[at]], bitcast<f32>(tree[at + 2u]));
}

fn is_active(entry: ParamSettings) -> bool {
    return entry.rule == RULE && record[entry.record + IS_ACTIVE] == 1u;
}
