// What a stage adds up over the rows of a tile. Each vector leaves a number, since the invocations of a row lie beside one another.

const TEAM: u32 = 8u;

var<workgroup> row_parts: array<f32, ROW_SUMS * VECTORS>;
var<workgroup> team_parts: array<f32, INVOCATIONS>;

// Long rows are added up by eight invocations each, as many at a time as there are invocations for; then four rows are stored at once.
fn finish_rows(row: Row, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    let team = select(1u, TEAM, INVOCATIONS >= 8u * TEAM && vectors >= TEAM);
    let rows = INVOCATIONS / team;
    for (var sum = 0u; sum < ROW_SUMS; sum++) {
        for (var first = 0u; first < row.height; first += rows) {
            let k = first + invocation / team;
            if k < row.height {
                team_parts[invocation] = in_eights(sum, sum * VECTORS + k * vectors, invocation % team, team, vectors);
            }
            workgroupBarrier();
            let four = first + 4u * invocation;
            if 4u * invocation < rows && four < row.height {
                let at = row.tile / 4u + COLUMN_SUMS * vectors + sum * ((row.height + 3u) / 4u) + four / 4u;
                tiles[at] = vec4f(
                    of_team(sum, 4u * invocation, team),
                    of_team(sum, 4u * invocation + 1u, team),
                    of_team(sum, 4u * invocation + 2u, team),
                    of_team(sum, 4u * invocation + 3u, team),
                );
            }
            workgroupBarrier();
        }
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

fn of_team(sum: u32, index: u32, team: u32) -> f32 {
    if team == 1u {
        return team_parts[index];
    }
    let at = TEAM * index;
    return both_of_rows(sum, four_of_team(sum, at), four_of_team(sum, at + 4u));
}

fn four_of_team(sum: u32, at: u32) -> f32 {
    return both_of_rows(
        sum,
        both_of_rows(sum, team_parts[at], team_parts[at + 1u]),
        both_of_rows(sum, team_parts[at + 2u], team_parts[at + 3u]),
    );
}
