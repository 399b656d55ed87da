// One workgroup writes the scales of the learning rate that schedules set, for the step that `prepare` has just counted. A skipped step writes those of
// the last one again.

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) invocation: u32) {
    let step = max(status.step, 1u) - 1u;
    for (var i = invocation; i < arrayLength(&scheduled); i += INVOCATIONS) {
        scales[scheduled[i].x] = schedule(scheduled[i].y, step);
    }
}
