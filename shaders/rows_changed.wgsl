// Rows are moved to their new places, in some tensors whose rows have as many elements. Goes through the elements of a part of them, AT_ONCE consecutive ones at a time,
// and gives them to `visit`. A workgroup has up to MOVED times as many. Bits are moved, no arithmetic touches a float of a tensor.

/// Where a workgroup begins.
struct Begin {
    /// The row of its first element.
    row: u32,
    /// By how many elements that row counts as shorter.
    spare: u32,
    /// One by how many elements it counts as having.
    inverse: f32,
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    // In variables, since a store to a tensor would have them loaded again.
    let all = load_tasks();
    let own = all.task0;
    // More workgroups than one dimension holds are folded into two.
    let start = (workgroup.y * workgroups.x + workgroup.x) * MOVED;
    let turns = (own.count + AT_ONCE - 1u) / AT_ONCE;
    let count = min(MOVED, turns - min(start, turns));
    // The only division by a width. Within a workgroup a product with its inverse tells rows: numbers are below 8,192 there and half an element off the bounds of rows, so
    // that no rounding leads to another row. A row of more elements than a workgroup has counts as shorter before the first of these.
    let first = own.first + AT_ONCE * start;
    let column = first % own.width;
    let spare = min(column, max(own.width, AT_ONCE * MOVED) - AT_ONCE * MOVED);
    let begin = Begin(first / own.width, spare, 1.0 / f32(own.width - spare));
    for (var i = invocation; i < count; i += INVOCATIONS) {
        visit(all, begin, start + i, column + AT_ONCE * i);
    }
}
