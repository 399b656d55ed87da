// One workgroup measures gradients and values of one part of a unit, or several whole units: of those that are long enough one with eight invocations,
// or 32, so that these read consecutive elements, else one each.

const TEAM_LENGTH: u32 = 64u;

var<workgroup> teams: array<Sum, INVOCATIONS>;
var<workgroup> eights: array<Sum, INVOCATIONS / 8u>;

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
    let team = select(8u, 32u, INVOCATIONS >= 64u && row.unit_length >= 4u * TEAM_LENGTH);
    for (var first = 0u; first < units; first += INVOCATIONS / team) {
        let unit = first + invocation / team;
        var sum = Sum();
        if unit < units {
            let begin = unit * row.unit_length;
            sum = measured(row, begin + 4u * (invocation % team), begin + row.unit_length, 4u * team);
        }
        teams[invocation] = sum;
        workgroupBarrier();
        if invocation % 8u == 0u {
            sum = eight(invocation);
            eights[invocation / 8u] = sum;
        }
        workgroupBarrier();
        if unit < units && invocation % team == 0u {
            if team == 32u {
                let at = invocation / 8u;
                sum = joined(joined(eights[at], eights[at + 1u]), joined(eights[at + 2u], eights[at + 3u]));
            }
            sums[row.partial + unit] = sum;
        }
    }
}

fn eight(at: u32) -> Sum {
    let low = joined(joined(teams[at], teams[at + 1u]), joined(teams[at + 2u], teams[at + 3u]));
    return joined(low, joined(joined(teams[at + 4u], teams[at + 5u]), joined(teams[at + 6u], teams[at + 7u])));
}
