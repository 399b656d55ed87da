// One workgroup brings the step record up to date: per parameter whether it is active, its step count, what its gradient is multiplied by,
// the weights of its averages, and the scalars of the rule. Its time is that of loads which wait for one another, so that they are asked for early.

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) invocation: u32) {
    let last = arrayLength(&entries) - 1u;
    var next = entries[min(invocation, last)];
    let after = settle(invocation);
    let left_out = is_left_out(after);
    for (var i = invocation; i <= last; i += INVOCATIONS) {
        let entry = next;
        next = entries[min(i + INVOCATIONS, last)];
        if entry.rule != RULE {
            continue;
        }
        let at = entry.record;
        if in_view(after) {
            record[at + ACTIVE] = NEITHER;
            continue;
        }
        record[at + ACTIVE] = select(entry.taking_part, select(LEFT_OUT, NEITHER, entry.taking_part == 0u), left_out);
        record[at + USED] = record[at + PENDING];
        record[at + PENDING] = 0u;
        if left_out || entry.taking_part == 0u {
            continue;
        }
        let step = max(record[at + STEP], record[at + STEP] + 1u);
        let scalars = load_scalars(at + SCALARS);
        let clip = clip_of(entry);
        let h = hyper_parameters(entry);
        record[at + STEP] = step;
        record[at + FACTOR] = bitcast<u32>(gradient_factor(entry, clip, after.unscale));
        record[at + LIMIT] = select(NO_LIMIT, bitcast<u32>(clip.limit), clip.kind == VALUE);
        for (var k = 0u; k < AVERAGES; k++) {
            record[at + WEIGHTS + k] = bitcast<u32>(weight(load_average(AVERAGE_WORDS + k * AVERAGE_SIZE), step));
        }
        store_scalars(at + SCALARS, prepare(h, f32(step), scalars));
    }
}

// Known when it is compiled where no step may be skipped.
fn is_left_out(after: Status) -> bool {
    return in_view(after) || (MAY_SKIP && after.skipped != 0u);
}
