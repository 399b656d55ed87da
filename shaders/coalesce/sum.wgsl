// Adds up the gradient rows of each run, in an order that only their number decides. Twin: src/coalesce/twin.rs.

// Elements of a long run that a workgroup adds up at a time: LANES sums of each, an invocation for each sum if there are enough. On llvmpipe eight invocations
// are faster with one element, 38 ms for 8,192 entries of 768, than with eight, 54 ms.
const COLUMNS: u32 = max(INVOCATIONS / LANES, 1u);

var<workgroup> lanes: array<Element, LANES * COLUMNS>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    let width = task.width;
    let blocks = (width + COLUMNS - 1u) / COLUMNS;
    let runs = found[0];
    let number = workgroup.y * workgroups.x + workgroup.x;
    let others = workgroups.y * workgroups.x;
    // After the rows of runs there is none.
    for (var i = runs + number * INVOCATIONS + invocation; i < task.most; i += others * INVOCATIONS) {
        unique[i] = NO_ROW;
    }
    // Long runs: of up to MANY entries there are none, and no workgroup waits here.
    for (var work = number; work < found[3] * blocks; work += others) {
        let run = found[HEAD + work / blocks];
        let first = work % blocks * COLUMNS;
        for (var k = invocation; k < LANES * COLUMNS; k += INVOCATIONS) {
            let column = first + k % COLUMNS;
            if column < width {
                lanes[k] = of_lane(starts[run] + k / COLUMNS, end_of(run, runs), column);
            }
        }
        workgroupBarrier();
        for (var k = invocation; k < min(COLUMNS, width - first); k += INVOCATIONS) {
            summed[run * width + first + k] = of_lanes(k);
        }
        workgroupBarrier();
    }
    // All others: a team of invocations for a part of each, so that where its entries are is looked up once for many elements.
    let team = task.team;
    let part = team * PART;
    let parts = (width + part - 1u) / part;
    let teams = INVOCATIONS / team;
    for (var work = number * teams + invocation / team; work < runs * parts; work += others * teams) {
        let run = work / parts;
        let start = starts[run];
        let end = end_of(run, runs);
        let stop = select(0u, min(work % parts * part + part, width), end - start <= MANY);
        let first = task.gradient_at + entries[start] * width;
        for (var column = work % parts * part + invocation % team; column < stop; column += team) {
            var sum = gradient_at(first + column);
            for (var at = start + 1u; at < end; at++) {
                sum += gradient_of(at, column);
            }
            summed[run * width + column] = sum;
        }
    }
}

fn end_of(run: u32, runs: u32) -> u32 {
    if run + 1u < runs {
        return starts[run + 1u];
    }
    return found[2];
}

fn gradient_of(at: u32, column: u32) -> Element {
    return gradient_at(task.gradient_at + entries[at] * task.width + column);
}

// Of every LANES-th entry, in eights. Whole ones are written out: eight loads at a time, and llvmpipe leaves all loops of an invocation after 65,535 turns
// together, which a run of so many entries has to stay below.
fn of_lane(first: u32, end: u32, column: u32) -> Element {
    var all = Element();
    for (var at = first; at < end; at += 8u * LANES) {
        var some = gradient_of(at, column);
        if at + 7u * LANES < end {
            let b = gradient_of(at + LANES, column);
            let c = gradient_of(at + 2u * LANES, column);
            let d = gradient_of(at + 3u * LANES, column);
            let e = gradient_of(at + 4u * LANES, column);
            let f = gradient_of(at + 5u * LANES, column);
            let g = gradient_of(at + 6u * LANES, column);
            let h = gradient_of(at + 7u * LANES, column);
            some = some + b + c + d + e + f + g + h;
        } else {
            for (var k = at + LANES; k < end; k += LANES) {
                some += gradient_of(k, column);
            }
        }
        if at == first {
            all = some;
        } else {
            all += some;
        }
    }
    return all;
}

// Of all lanes, in eights.
fn of_lanes(column: u32) -> Element {
    var all = Element();
    for (var at = 0u; at < LANES; at += 8u) {
        var some = lanes[at * COLUMNS + column];
        for (var k = at + 1u; k < at + 8u; k++) {
            some += lanes[k * COLUMNS + column];
        }
        if at == 0u {
            all = some;
        } else {
            all += some;
        }
    }
    return all;
}
