// One workgroup works on one row of its bucket: at most 4,096 consecutive elements of one parameter, four per invocation and turn. INVOCATIONS are 64,
// or 8 on software adapters whose device has SHADER_INT64.

// Eight invocations go through consecutive elements, 128 bytes a turn: for GPUs that is a whole cache line each, and llvmpipe, which runs eight
// invocations to their end before the next eight, reads and writes memory in order.
const LANES: u32 = 8u;
const TURN: u32 = 4u * LANES;

// The first element of an invocation, and the end of its eight's. From one to the next it is TURN elements.
struct Span { begin: u32, end: u32 }

fn span(row: Row, invocation: u32) -> Span {
    let turns = (row.count + 4u * INVOCATIONS - 1u) / (4u * INVOCATIONS);
    let block = invocation / LANES * turns * TURN;
    return Span(block + 4u * (invocation % LANES), min(block + turns * TURN, row.count));
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    // More workgroups than one dimension holds are folded into two; the last line of the fold may be partly empty.
    let index = workgroup.y * workgroups.x + workgroup.x;
    if index >= 4u * arrayLength(&rows) / ROW_WORDS {
        return;
    }
    work(load_row(ROW_WORDS * index), invocation);
}

// Where element `i` of a row is in a lane of the state.
fn lane_at(row: Row, lane: u32, i: u32) -> u32 {
    return row.state + lane * row.stride + i;
}

// Zero for what is past the row's end.
fn within(x: vec4f, left: u32) -> vec4f {
    return select(vec4f(0.0), x, vec4u(0u, 1u, 2u, 3u) < vec4u(left));
}
