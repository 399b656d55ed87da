// One invocation an element: it is what it was in the row that the index names, or what the
// caller wrote, or the zero that its buffer begins with. Bits are moved, no arithmetic touches a float.

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    // More workgroups than one dimension holds are folded into two.
    let i = (workgroup.y * workgroups.x + workgroup.x) * INVOCATIONS + invocation;
    if i >= task.count {
        return;
    }
    let element = task.first + i;
    let row = element / task.width;
    var before = rows_before[task.index_at + row];
    if task.copies != 0u {
        before &= ~FRESH;
    }
    if before < task.rows {
        let source = before * task.width + (element - row * task.width);
        if source >= task.source_first && source - task.source_first < task.source_count {
            tensor[task.at + i] = before_tensor[task.source_at + (source - task.source_first)];
        }
        return;
    }
    if task.from_values != 0u {
        tensor[task.at + i] = values[task.values_at + i];
    }
}
