// What the first `prepare` of a step decides for all parameters: whether the step takes place, the loss scale, and the hyper-parameters of
// every group. Every invocation decides for itself, and the first one tells. Twin: src/cpu/decide.rs.

fn decide(invocation: u32) -> Status {
    reduce(invocation);
    let after = decided(status);
    // All have read before the first one writes.
    storageBarrier();
    if invocation == 0u {
        status = after;
        if is_skipped(after) {
            mark(0u);
        } else {
            measured(after.unscale);
            mark(after.step);
        }
    }
    // A skipped step leaves hyper-parameters as they are: views go by those of the last step taken.
    let words = select(arrayLength(&assignments), 0u, is_skipped(after));
    for (var i = invocation; i < words; i += INVOCATIONS) {
        record[assignments[i].word] = assigned(assignments[i], after.step);
    }
    if SCHEDULES {
        storageBarrier();
    }
    return after;
}

fn decided(before: Status) -> Status {
    var after = before;
    if VIEWS {
        after = looked(before);
    }
    if is_refused(after) {
        return misplaced(after, STEP_RECORDED);
    }
    let policy = load_options(0u);
    let overflowed = MAY_SKIP && offender() != 0u;
    let mean = select(1.0, quotient(1.0, f32(before.micro_batches) + 1.0), policy.mean != 0u);
    after.unscale = quotient(1.0, before.loss_scale) * mean;
    after.micro_batches = 0u;
    if MAY_SKIP && policy.dynamic != 0u {
        after = adapted(after, policy, overflowed);
    }
    // After a step that failed, the next ones that are to fail are skipped without a look.
    let failed = policy.fails != 0u && before.failures > before.forgiven;
    if overflowed && !failed {
        after.offender = offender();
        if policy.fails != 0u {
            after.failures += 1u;
            after.failed_step = max(before.step, before.step + 1u);
            after.failed_offender = after.offender;
        }
    }
    after.skipped = u32(MAY_SKIP && (overflowed || failed));
    if is_skipped(after) {
        after.skips = max(before.skips, before.skips + 1u);
    } else {
        after.step = max(before.step, before.step + 1u);
    }
    return after;
}

// GradScaler.update, except that the scale and its reciprocal stay far from the ends of f32, from 2^-64 to 2^64.
fn adapted(before: Status, policy: OptionWords, overflowed: bool) -> Status {
    var after = before;
    if overflowed {
        after.loss_scale = max(before.loss_scale * policy.backoff, 5.421011e-20);
        after.growth_tracker = 0u;
        return after;
    }
    after.growth_tracker += 1u;
    if after.growth_tracker == policy.interval {
        let grown = before.loss_scale * policy.growth;
        after.loss_scale = select(before.loss_scale, grown, grown <= 1.8446744e19);
        after.growth_tracker = 0u;
    }
    return after;
}
