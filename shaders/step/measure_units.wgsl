// One workgroup measures gradients and values of one part of a unit, or several whole units: of those that are long enough one with eight invocations,
// so that these read consecutive elements, else one each.

const TEAM: u32 = 8u;
const TEAM_LENGTH: u32 = 8u * TEAM;

var<workgroup> teams: array<Sum, INVOCATIONS>;

fn work(row: Row, invocation: u32) {
    if parameters[row.member].is_active == 0u {
        return;
    }
    if row.unit_length == 0u {
        let sum = gather(invocation, measured(row, 4u * invocation, row.count, 4u * INVOCATIONS));
        if invocation == 0u {
            sums[row.partial] = sum;
        }
        return;
    }
    let units = row.count / row.unit_length;
    if !TEAMS || row.unit_length < TEAM_LENGTH {
        for (var unit = invocation; unit < units; unit += INVOCATIONS) {
            sums[row.partial + unit] = measured(row, unit * row.unit_length, (unit + 1u) * row.unit_length, 4u);
        }
        return;
    }
    for (var first = 0u; first < units; first += INVOCATIONS / TEAM) {
        let unit = first + invocation / TEAM;
        var sum = Sum();
        if unit < units {
            let begin = unit * row.unit_length;
            sum = measured(row, begin + 4u * (invocation % TEAM), begin + row.unit_length, 4u * TEAM);
        }
        teams[invocation] = sum;
        workgroupBarrier();
        if unit < units && invocation % TEAM == 0u {
            sums[row.partial + unit] = eight(invocation);
        }
        workgroupBarrier();
    }
}

fn eight(at: u32) -> Sum {
    let low = joined(joined(teams[at], teams[at + 1u]), joined(teams[at + 2u], teams[at + 3u]));
    return joined(low, joined(joined(teams[at + 4u], teams[at + 5u]), joined(teams[at + 6u], teams[at + 7u])));
}
