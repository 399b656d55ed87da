// What the first `prepare` of a step decides for all parameters: whether the step takes place, the loss scale, and the hyper-parameters of
// every group. Twin: src/cpu/settle.rs.

fn settle(invocation: u32) {
    reduce(invocation);
    if invocation == 0u {
        decide();
    }
    storageBarrier();
    for (var i = invocation; i < arrayLength(&assignments); i += INVOCATIONS) {
        record[assignments[i].word] = assigned(assignments[i]);
    }
    unit_factors(invocation);
    storageBarrier();
}

fn decide() {
    let policy = load_settings(0u);
    let overflowed = OFFENDERS && offender() != 0u;
    let mean = select(1.0, quotient(1.0, f32(status.micro_batches) + 1.0), policy.mean != 0u);
    status.unscale = quotient(1.0, status.loss_scale) * mean;
    status.micro_batches = 0u;
    if policy.dynamic != 0u {
        adapt(policy, overflowed);
    }
    // After a step that failed, what follows is left out unseen.
    if overflowed && status.failed == 0u {
        status.offender = offender();
        if policy.fails != 0u {
            status.failed = max(status.step, status.step + 1u);
        }
    }
    status.skipped = u32(overflowed || status.failed != 0u);
    if status.skipped != 0u {
        status.skips = max(status.skips, status.skips + 1u);
        return;
    }
    status.step = max(status.step, status.step + 1u);
    measured();
}

// GradScaler.update, except that the scale and its reciprocal stay normal numbers, from 2^-126 to 2^126.
fn adapt(policy: Settings, overflowed: bool) {
    if overflowed {
        status.loss_scale = max(status.loss_scale * policy.backoff, 1.1754944e-38);
        status.growth_tracker = 0u;
        return;
    }
    status.growth_tracker += 1u;
    if status.growth_tracker == policy.interval {
        let grown = status.loss_scale * policy.growth;
        status.loss_scale = select(status.loss_scale, grown, grown <= 8.507059e37);
        status.growth_tracker = 0u;
    }
}
