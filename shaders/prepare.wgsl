// One workgroup brings the step record up to date: per parameter whether it is active, its step count, what its gradient is multiplied by,
// the weights of its averages, and the scalars of the rule. Its time is that of loads which wait for one another, so that they are asked for early.

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) invocation: u32) {
    let last = arrayLength(&parameters) - 1u;
    var next = parameters[min(invocation, last)];
    let after = decide(invocation);
    let skipped = is_skipped(after);
    for (var i = invocation; i <= last; i += INVOCATIONS) {
        let entry = next;
        next = parameters[min(i + INVOCATIONS, last)];
        if entry.rule != RULE {
            continue;
        }
        let at = entry.record;
        if is_refused(after) {
            record[at + IS_ACTIVE] = INACTIVE_AND_SKIPPED;
            continue;
        }
        record[at + IS_ACTIVE] = select(entry.is_active, select(SKIPPED, INACTIVE_AND_SKIPPED, entry.is_active == 0u), skipped);
        record[at + USED] = record[at + PENDING];
        record[at + PENDING] = 0u;
        if skipped || entry.is_active == 0u {
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

fn is_skipped(after: Status) -> bool {
    return is_refused(after) || (MAY_SKIP && after.skipped != 0u);
}
