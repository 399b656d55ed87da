// One workgroup works on one row of its bucket: consecutive elements of one parameter, four per invocation and turn. All its invocations together go
// through consecutive elements.

const TURN: u32 = 4u * INVOCATIONS;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    // More workgroups than one dimension holds are folded into two; rows without elements are in the last line of the fold.
    let row = load_row(ROW_WORDS * (workgroup.y * workgroups.x + workgroup.x));
    if row.count != 0u {
        work(row, invocation);
    }
}

// Where element `i` of a row is in a lane of the state.
fn lane_at(row: Row, lane: u32, i: u32) -> u32 {
    return row.state + lane * row.stride + i;
}

// Zero for what is past the row's end.
fn within(x: vec4f, left: u32) -> vec4f {
    return select(vec4f(0.0), x, vec4u(0u, 1u, 2u, 3u) < vec4u(left));
}
