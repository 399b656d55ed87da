// The sum of all invocations, in a fixed order; every invocation of the workgroup has to come here, and the first one gets it. Eight at a time: with
// two barriers instead of seven, llvmpipe measures a row in two thirds of the time.

var<workgroup> gathered: array<Sum, INVOCATIONS>;
var<workgroup> eights: array<Sum, max(4u, INVOCATIONS / 8u)>;

fn gather(invocation: u32, own: Sum) -> Sum {
    gathered[invocation] = own;
    workgroupBarrier();
    if invocation < INVOCATIONS / 8u {
        let at = 8u * invocation;
        let low = joined(joined(gathered[at], gathered[at + 1u]), joined(gathered[at + 2u], gathered[at + 3u]));
        let high = joined(joined(gathered[at + 4u], gathered[at + 5u]), joined(gathered[at + 6u], gathered[at + 7u]));
        eights[invocation] = joined(low, high);
    }
    workgroupBarrier();
    var sum = Sum();
    if invocation == 0u {
        for (var at = 0u; at < INVOCATIONS / 8u; at += 4u) {
            sum = joined(sum, joined(joined(eights[at], eights[at + 1u]), joined(eights[at + 2u], eights[at + 3u])));
        }
    }
    return sum;
}
