// Sums of consecutive slots, level by level, in the order that src/program/reduce.rs lays down. `tree` begins with a header, whose words have names.

fn levels(invocation: u32, begin: u32, end: u32) {
    for (var level = begin; level < end; level++) {
        let at = TREE_HEADER + 3u * level;
        for (var k = tree[at] + invocation; k < tree[at + 1u]; k += INVOCATIONS) {
            let node = tree[NODES] + 2u * k;
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
