// One workgroup brings the step record up to date: hyper-parameters of each group, then per parameter its step count, whether it takes
// part, and the scalars of the rule. `record` begins like `settings`; a parameter's entry is [step, active, scalars...].

const INVOCATIONS: u32 = 256u;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) invocation: u32) {
    for (var i = invocation; i < arrayLength(&settings); i += INVOCATIONS) {
        record[i] = settings[i];
    }
    for (var i = invocation; i < arrayLength(&entries); i += INVOCATIONS) {
        let entry = entries[i];
        record[entry.record + 1u] = entry.taking_part;
        if entry.taking_part != 0u {
            let step = max(record[entry.record], record[entry.record] + 1u);
            record[entry.record] = step;
            let at = entry.record + 2u;
            store_scalars(at, prepare(load_hyper(entry.hyper), f32(step), load_scalars(at)));
        }
    }
}
