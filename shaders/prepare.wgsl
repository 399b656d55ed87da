// One workgroup brings the step record up to date: per parameter whether it takes part, its step count, what its gradient is multiplied by,
// the weights of its averages, and the scalars of the rule.

const INVOCATIONS: u32 = 256u;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) invocation: u32) {
    settle(invocation);
    let left_out = is_left_out();
    for (var i = invocation; i < arrayLength(&entries); i += INVOCATIONS) {
        let entry = entries[i];
        if entry.rule != RULE {
            continue;
        }
        let at = entry.record;
        record[at + ACTIVE] = select(entry.taking_part, select(LEFT_OUT, NEITHER, entry.taking_part == 0u), left_out);
        record[at + USED] = record[at + PENDING];
        record[at + PENDING] = 0u;
        if left_out || entry.taking_part == 0u {
            continue;
        }
        let step = max(record[at + STEP], record[at + STEP] + 1u);
        record[at + STEP] = step;
        let clip = load_clip(entry.clip);
        record[at + FACTOR] = bitcast<u32>(gradient_factor(entry, clip));
        record[at + LIMIT] = select(NO_LIMIT, bitcast<u32>(clip.limit), clip.kind == VALUE);
        for (var k = 0u; k < AVERAGES; k++) {
            record[at + WEIGHTS + k] = bitcast<u32>(weight(load_average(AVERAGE_WORDS + k * AVERAGE_SIZE), step));
        }
        let scalars = at + SCALARS;
        store_scalars(scalars, prepare(load_hyper(entry.hyper), f32(step), load_scalars(scalars)));
    }
}

// Known when it is compiled where no step may be left out.
fn is_left_out() -> bool {
    return MAY_SKIP && status.skipped != 0u;
}
