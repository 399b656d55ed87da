// The sums of all rows become one per parameter, per group, and one of all, in the order that src/program/reduce.rs lays down.

var<workgroup> first_offender: atomic<u32>;

fn reduce(invocation: u32) {
    levels(invocation, 0u, tree[LOWER]);
    let bound = arrayLength(&parameters);
    for (var i = invocation; i < bound; i += INVOCATIONS) {
        var sum = Sum();
        if parameters[i].is_active != 0u {
            sum = sums[parameters[i].top];
        }
        sums[tree[MEMBERS] + i] = sum;
        // The exponent of infinities and NaN; the first parameter has the largest number here.
        if sum.largest >= 0x7f800000u {
            atomicMax(&first_offender, bound - i);
        }
    }
    storageBarrier();
    levels(invocation, tree[LOWER], tree[LEVELS]);
    workgroupBarrier();
}

// 1 + the first parameter with an infinite or NaN gradient, 0 if there is none.
fn offender() -> u32 {
    let found = atomicLoad(&first_offender);
    return select(arrayLength(&parameters) - found + 1u, 0u, found == 0u);
}

fn measured(unscale: f32) {
    let all = sums[tree[ROOT]];
    let is_finite = all.largest < 0x7f800000u;
    status.norm = select(bitcast<f32>(all.largest), norm(all.low, all.high, unscale), is_finite);
    status.largest = unscale * bitcast<f32>(all.largest);
    status.measured = 1u;
}

// In a slot of its own, the last: the step whose sums these are, 0 where it was not taken. A report has the norms of parameters by them.
fn mark(step: u32) {
    sums[arrayLength(&sums) - 1u].largest = step;
}
