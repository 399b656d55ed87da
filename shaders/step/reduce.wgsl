// The sums of all rows become one per parameter, per group, and one of all, in the order that src/plan/reduce.rs lays down.

var<workgroup> first_offender: atomic<u32>;

fn reduce(invocation: u32) {
    levels(invocation, 0u, tree[0]);
    let bound = arrayLength(&entries);
    for (var i = invocation; i < bound; i += INVOCATIONS) {
        var sum = Sum();
        if entries[i].taking_part != 0u {
            sum = sums[entries[i].top];
        }
        sums[tree[2] + i] = sum;
        // The exponent of infinities and NaN; the first parameter has the largest number here.
        if sum.largest >= 0x7f800000u {
            atomicMax(&first_offender, bound - i);
        }
    }
    storageBarrier();
    levels(invocation, tree[0], tree[1]);
    workgroupBarrier();
}

fn levels(invocation: u32, begin: u32, end: u32) {
    for (var level = begin; level < end; level++) {
        let at = TREE_HEADER + 3u * level;
        for (var k = tree[at] + invocation; k < tree[at + 1u]; k += INVOCATIONS) {
            let node = tree[4] + 2u * k;
            sums[tree[at + 2u] + k - tree[at]] = in_pairs(tree[node], tree[node + 1u]);
        }
        storageBarrier();
    }
}

fn in_pairs(first: u32, count: u32) -> Sum {
    let sum = four(first, min(count, 4u));
    if count <= 4u {
        return sum;
    }
    return joined(sum, four(first + 4u, count - 4u));
}

fn four(first: u32, count: u32) -> Sum {
    var sum = sums[first];
    if count > 1u {
        sum = joined(sum, sums[first + 1u]);
    }
    if count > 2u {
        var other = sums[first + 2u];
        if count > 3u {
            other = joined(other, sums[first + 3u]);
        }
        sum = joined(sum, other);
    }
    return sum;
}

// 1 + the first parameter with an infinite or NaN gradient, 0 if there is none.
fn offender() -> u32 {
    let found = atomicLoad(&first_offender);
    return select(arrayLength(&entries) - found + 1u, 0u, found == 0u);
}

fn measured(unscale: f32) {
    let all = sums[tree[3]];
    let is_finite = all.largest < 0x7f800000u;
    status.norm = select(bitcast<f32>(all.largest), norm(all.low, all.high, unscale), is_finite);
    status.largest = unscale * bitcast<f32>(all.largest);
}
