// Sums of consecutive slots, level by level, in the order that src/program/reduce.rs lays down. `tree` begins with a header, whose words have names.

fn levels(invocation: u32, begin: u32, end: u32) {
    let nodes = tree[NODES];
    for (var level = begin; level < end; level++) {
        let at = TREE_HEADER + 3u * level;
        let first = tree[at];
        let slot = tree[at + 2u] - first;
        for (var k = first + invocation; k < tree[at + 1u]; k += INVOCATIONS) {
            let node = nodes + 2u * k;
            sums[slot + k] = in_pairs(tree[node], tree[node + 1u]);
        }
        storageBarrier();
    }
}

// All loads of a full node are under way at once.
fn in_pairs(first: u32, count: u32) -> Sum {
    if count == FAN {
        return joined(eight(first), eight(first + 8u));
    }
    var sum = four(first, min(count, 4u));
    for (var k = 4u; k < count; k += 4u) {
        sum = joined(sum, four(first + k, min(count - k, 4u)));
    }
    return sum;
}

fn eight(first: u32) -> Sum {
    let low = joined(joined(sums[first], sums[first + 1u]), joined(sums[first + 2u], sums[first + 3u]));
    return joined(low, joined(joined(sums[first + 4u], sums[first + 5u]), joined(sums[first + 6u], sums[first + 7u])));
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
