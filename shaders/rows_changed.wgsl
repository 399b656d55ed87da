// A workgroup writes at most ELEMENTS consecutive elements, u32 or vec4u: each is what it was in the row that the index names, or what the caller wrote, or the
// zero that its buffer begins with. Bits are moved, no arithmetic touches a float.

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
    let mask = select(0u, FRESH, own.copies != 0u);
    // Rows are counted along instead of divided for.
    var row = (own.first + start + invocation) / own.width;
    var column = (own.first + start + invocation) % own.width;
    for (var i = start + invocation; i < end; i += INVOCATIONS) {
        let before = rows_before[own.index_at + row] & ~mask;
        if before < own.rows {
            let source = before * own.width + column - own.source_first;
            if source < own.source_count {
                tensor[own.at + i] = before_tensor[own.source_at + source];
            }
        } else if own.from_values != 0u {
            tensor[own.at + i] = values[own.values_at + i];
        }
        row += INVOCATIONS / own.width;
        column += INVOCATIONS % own.width;
        if column >= own.width {
            column -= own.width;
            row += 1u;
        }
    }
}
