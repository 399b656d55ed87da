// One workgroup counts a micro-batch.

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) invocation: u32) {
    let after = counted(status);
    // All have read before the first one writes.
    storageBarrier();
    if invocation == 0u {
        status = after;
    }
    let count = select(arrayLength(&parameters), 0u, is_refused(after));
    for (var i = invocation; i < count; i += INVOCATIONS) {
        let at = parameters[i].record;
        let counts = min(parameters[i].is_active, 1u);
        let pending = record[at + PENDING] + counts;
        record[at + PENDING] = pending;
        record[at + USED] = counts * pending;
    }
}

fn counted(before: Status) -> Status {
    var after = before;
    if VIEWS {
        after = looked(before);
    }
    if is_refused(after) {
        return misplaced(after, ACCUMULATE_RECORDED);
    }
    after.micro_batches += 1u;
    return after;
}
