// The sum of all invocations', in a fixed order; every invocation of the workgroup has to come here.

var<workgroup> gathered: array<Sum, INVOCATIONS>;

fn gather(invocation: u32, own: Sum) -> Sum {
    gathered[invocation] = own;
    workgroupBarrier();
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        if invocation < half {
            gathered[invocation] = joined(gathered[invocation], gathered[invocation + half]);
        }
        workgroupBarrier();
    }
    return gathered[0];
}
