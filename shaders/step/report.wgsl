// One workgroup adds up what the rows of the last update measured.

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) invocation: u32) {
    var sum = Sum();
    for (var i = invocation; i < arrayLength(&moved); i += INVOCATIONS) {
        sum = joined(sum, moved[i]);
    }
    sum = gather(invocation, sum);
    if invocation == 0u {
        status.moved = select(bitcast<f32>(sum.largest), norm(sum.low, sum.high, 1.0), sum.largest < 0x7f800000u);
        status.values = norm(sum.value_low, sum.value_high, 1.0);
    }
}
