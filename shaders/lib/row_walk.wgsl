// Goes through the elements of a part of a tensor, and gives each to `visit` with its row and its place in it. A workgroup has at most ELEMENTS consecutive
// elements, numbers or four of them.

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    // In a variable, since a store to the tensor would have it loaded again.
    let own = task;
    // More workgroups than one dimension holds are folded into two.
    let start = (workgroup.y * workgroups.x + workgroup.x) * ELEMENTS;
    let end = start + min(ELEMENTS, own.count - min(start, own.count));
    // Rows are counted along instead of divided for.
    var row = (own.first + start + invocation) / own.width;
    var column = (own.first + start + invocation) % own.width;
    for (var i = start + invocation; i < end; i += INVOCATIONS) {
        visit(own, i, row, column);
        row += INVOCATIONS / own.width;
        column += INVOCATIONS % own.width;
        if column >= own.width {
            column -= own.width;
            row += 1u;
        }
    }
}
