// What a stage adds up over the rows of a tile. Each vector leaves a number, since the invocations of a row lie beside one another.

const TEAM: u32 = 8u;

var<workgroup> row_parts: array<f32, ROW_SUMS * VECTORS>;
var<workgroup> team_parts: array<f32, INVOCATIONS>;

// Rows of a tile whose numbers a workgroup keeps at once; of four or more, multiples of four.
fn band_height(row: Row, vectors: u32) -> u32 {
    let most = VECTORS / vectors;
    return min(row.height, select(max(most, 1u), most - most % 4u, most >= 4u));
}

// Long rows are added up by eight invocations each, as many at a time as there are invocations for.
fn end_band(row: Row, begin: u32, end: u32, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    let height = end - begin;
    let team = select(1u, TEAM, INVOCATIONS >= 8u * TEAM && vectors >= TEAM);
    let rows = INVOCATIONS / team;
    for (var sum = 0u; sum < ROW_SUMS; sum++) {
        for (var first = 0u; first < height; first += rows) {
            // What was added up before is in `row_parts`, or what teams had has been read.
            workgroupBarrier();
            let k = first + invocation / team;
            var part = 0.0;
            if k < height {
                part = in_eights(sum, sum * VECTORS + k * vectors, invocation % team, team, vectors);
            }
            if team == 1u {
                store_row(row, sum, begin + k, k < height, part);
            } else {
                team_parts[invocation % team * rows + invocation / team] = part;
                workgroupBarrier();
                let own = first + invocation;
                if invocation < rows {
                    store_row(row, sum, begin + own, own < height, of_team(sum, invocation, rows));
                }
            }
        }
    }
    // The next band has the same places. Teams have waited since they read them.
    if team == 1u {
        workgroupBarrier();
    }
}

// Of the numbers of a row, every `step`th from one on.
fn in_eights(sum: u32, at: u32, begin: u32, step: u32, count: u32) -> f32 {
    var all = 0.0;
    for (var first = begin; first < count; first += 8u * step) {
        var some = 0.0;
        for (var k = first; k < min(first + 8u * step, count); k += step) {
            some = both_of_rows(sum, some, row_parts[at + k]);
        }
        all = both_of_rows(sum, all, some);
    }
    return all;
}

// What the invocations have that share a row; those of one team are `rows` apart.
fn of_team(sum: u32, index: u32, rows: u32) -> f32 {
    return both_of_rows(sum, four_of_team(sum, index, rows), four_of_team(sum, index + 4u * rows, rows));
}

fn four_of_team(sum: u32, at: u32, rows: u32) -> f32 {
    return both_of_rows(
        sum,
        both_of_rows(sum, team_parts[at], team_parts[at + rows]),
        both_of_rows(sum, team_parts[at + 2u * rows], team_parts[at + 3u * rows]),
    );
}
