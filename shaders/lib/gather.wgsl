// The sum of all invocations, in a fixed order; every invocation of the workgroup has to come here, and the first one gets it. Eight at a time, so that
// 256 take three rounds and eight take one: each barrier costs, most of all on llvmpipe.

var<workgroup> gathered: array<Sum, INVOCATIONS>;
var<workgroup> eighths: array<Sum, max(8u, INVOCATIONS / 8u)>;

fn gather(invocation: u32, own: Sum) -> Sum {
    gathered[invocation] = own;
    workgroupBarrier();
    if INVOCATIONS > 8u {
        if invocation < INVOCATIONS / 8u {
            eighths[invocation] = of_gathered(8u * invocation);
        }
        workgroupBarrier();
        if INVOCATIONS > 64u {
            if invocation < INVOCATIONS / 64u {
                gathered[invocation] = of_eighths(8u * invocation, 8u);
            }
            workgroupBarrier();
        }
    }
    var sum = Sum();
    if invocation == 0u {
        if INVOCATIONS <= 8u {
            sum = of_gathered(0u);
        } else if INVOCATIONS <= 64u {
            sum = of_eighths(0u, INVOCATIONS / 8u);
        } else {
            sum = gathered[0];
            for (var at = 1u; at < INVOCATIONS / 64u; at++) {
                sum = joined(sum, gathered[at]);
            }
        }
    }
    return sum;
}

fn of_gathered(at: u32) -> Sum {
    let low = joined(joined(gathered[at], gathered[at + 1u]), joined(gathered[at + 2u], gathered[at + 3u]));
    return joined(low, joined(joined(gathered[at + 4u], gathered[at + 5u]), joined(gathered[at + 6u], gathered[at + 7u])));
}

fn of_eighths(at: u32, count: u32) -> Sum {
    if count == 8u {
        let low = joined(joined(eighths[at], eighths[at + 1u]), joined(eighths[at + 2u], eighths[at + 3u]));
        return joined(low, joined(joined(eighths[at + 4u], eighths[at + 5u]), joined(eighths[at + 6u], eighths[at + 7u])));
    }
    var sum = eighths[at];
    for (var k = 1u; k < count; k++) {
        sum = joined(sum, eighths[at + k]);
    }
    return sum;
}
