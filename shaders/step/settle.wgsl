// What the first `prepare` of a step decides for all parameters: whether the step takes place, the loss scale, and the hyper-parameters of
// every group. Twin: src/cpu/settle.rs.

fn settle(invocation: u32) {
    reduce(invocation);
    if invocation == 0u {
        decide();
    }
    storageBarrier();
    // A step that is left out leaves hyper-parameters too: views go by those of the last step taken.
    let words = select(arrayLength(&assignments), 0u, is_left_out());
    for (var i = invocation; i < words; i += INVOCATIONS) {
        record[assignments[i].word] = assigned(assignments[i]);
    }
    unit_factors(invocation);
    storageBarrier();
}

fn decide() {
    let policy = load_settings(0u);
    let overflowed = MAY_SKIP && offender() != 0u;
    let mean = select(1.0, quotient(1.0, f32(status.micro_batches) + 1.0), policy.mean != 0u);
    status.unscale = quotient(1.0, status.loss_scale) * mean;
    status.micro_batches = 0u;
    if MAY_SKIP && policy.dynamic != 0u {
        adapt(policy, overflowed);
    }
    // After a step that failed, what follows is left out unseen.
    if overflowed && status.failures <= status.forgiven {
        status.offender = offender();
        if policy.fails != 0u {
            status.failures += 1u;
            status.failed_step = max(status.step, status.step + 1u);
        }
    }
    status.skipped = u32(MAY_SKIP && (overflowed || status.failures > status.forgiven));
    if is_left_out() {
        status.skips = max(status.skips, status.skips + 1u);
        return;
    }
    status.step = max(status.step, status.step + 1u);
    measured();
}

// GradScaler.update, except that the scale and its reciprocal stay far from the ends of f32, from 2^-64 to 2^64.
fn adapt(policy: Settings, overflowed: bool) {
    if overflowed {
        status.loss_scale = max(status.loss_scale * policy.backoff, 5.421011e-20);
        status.growth_tracker = 0u;
        return;
    }
    status.growth_tracker += 1u;
    if status.growth_tracker == policy.interval {
        let grown = status.loss_scale * policy.growth;
        status.loss_scale = select(status.loss_scale, grown, grown <= 1.8446744e19);
        status.growth_tracker = 0u;
    }
}
