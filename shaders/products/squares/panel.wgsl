// A panel of columns, of which each invocation has the rows of a lane in one.

const LANES: u32 = INVOCATIONS / PANEL;

var<workgroup> sums: array<f32, INVOCATIONS>;

// Each invocation gives what its lane has of a sum over its column.
fn give_part(part: f32, invocation: u32) {
    workgroupBarrier();
    sums[invocation] = part;
    workgroupBarrier();
}

// The sum over a column of the panel, in the order of lanes.
fn of_lanes(place: u32) -> f32 {
    var sum = 0.0;
    for (var lane = 0u; lane < LANES; lane++) {
        sum += sums[lane * PANEL + place];
    }
    return sum;
}
