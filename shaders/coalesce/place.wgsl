// Writes where runs are: those that begin in the entries `start..stop` of `end`, after so many runs and long ones. Every invocation has consecutive entries.
// Says how many runs, and long ones, there are with these.

fn place_runs(start: u32, stop: u32, end: u32, before: vec2u, invocation: u32) -> vec2u {
    let each = (stop - start + INVOCATIONS - 1u) / INVOCATIONS;
    let first = min(start + invocation * each, stop);
    let last = min(first + each, stop);
    var own = 0u;
    for (var i = first; i < last; i++) {
        own += begins(i, end);
    }
    // A tile has at most 2,048 runs: both counts are in one word.
    var sum = own;
    scratch[invocation] = sum;
    for (var step = 1u; step < INVOCATIONS; step *= 2u) {
        workgroupBarrier();
        if invocation >= step {
            sum += scratch[invocation - step];
        }
        workgroupBarrier();
        scratch[invocation] = sum;
    }
    workgroupBarrier();
    var run = before.x + (sum - own) % LONG;
    var long = before.y + (sum - own) / LONG;
    for (var i = first; i < last; i++) {
        let begin = begins(i, end);
        if begin != 0u {
            unique[run] = key_at(i);
            starts[run] = i;
            if begin >= LONG {
                found[HEAD + long] = run;
                long++;
            }
            run++;
        }
        count_good(i, end);
    }
    let all = scratch[INVOCATIONS - 1u];
    return before + vec2u(all % LONG, all / LONG);
}

// Bad entries come last: whoever has the last good one, or the first one being bad, knows how many there are.
fn count_good(i: u32, end: u32) {
    let is_good = key_at(i) != BAD;
    var good = end;
    if is_good && i + 1u < end {
        if key_at(i + 1u) != BAD {
            return;
        }
        good = i + 1u;
    }
    if !is_good {
        if i > 0u {
            return;
        }
        good = 0u;
    }
    found[1] = end - good + excess();
    found[2] = good;
}
