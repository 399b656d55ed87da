// The step counts of a parameter's rows that have their own. A workgroup has whole rows.

// The rows of elements `i` to `i + 3`; past the end of what the workgroup has, the last one.
fn rows_at(row: Row, i: u32, left: u32) -> vec4u {
    return (vec4u(row.element + i) + min(vec4u(0u, 1u, 2u, 3u), vec4u(min(left, 4u) - 1u))) / row.row_length;
}

// The number of the step that a row takes now.
fn step_of(row: Row, at: u32) -> f32 {
    return lines[row.row_steps + at] + 1.0;
}

// Counts this step, once all invocations have read the counts before it.
fn count_rows(row: Row, invocation: u32) {
    storageBarrier();
    let first = row.element / row.row_length;
    let count = (row.count + row.row_length - 1u) / row.row_length;
    for (var n = invocation; n < count; n += INVOCATIONS) {
        if load_mask(row, row.mask + first + n) != HIDDEN {
            lines[row.row_steps + first + n] += 1.0;
        }
    }
}
