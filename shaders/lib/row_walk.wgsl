// Goes through the elements of a part of a tensor, and gives them to `visit`, with the row of the first and its place in it, RUN consecutive ones at a time, fewer at the end.
// A workgroup has at most ELEMENTS consecutive elements, numbers or four of them.

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
    let turn = RUN * INVOCATIONS;
    let begin = start + RUN * invocation;
    var row = (own.first + begin) / own.width;
    var column = (own.first + begin) % own.width;
    for (var i = begin; i < end; i += turn) {
        visit(own, i, min(RUN, end - i), row, column);
        row += turn / own.width;
        column += turn % own.width;
        if column >= own.width {
            column -= own.width;
            row += 1u;
        }
    }
}
