// One workgroup counts a micro-batch.

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) invocation: u32) {
    for (var i = invocation; i < arrayLength(&entries); i += INVOCATIONS) {
        record[entries[i].record + PENDING] += min(entries[i].taking_part, 1u);
    }
    if invocation == 0u {
        status.micro_batches += 1u;
    }
}
