// What a stage adds up over its row: sums of eight, so that roundings do not add up over all terms.

var<private> total: Tallies;
var<private> part: Tallies;
var<private> turns: u32;

fn add(state: State, left: u32) {
    add_to_columns(state);
    part = added(part, state, left);
    turns++;
    if turns % 8u == 0u {
        total = tallies(total, part);
        part = Tallies();
    }
}

fn finish(row: Row, invocation: u32) {
    let sum = gather(invocation, across_all(tallies(total, part)));
    if invocation == 0u {
        sums[row.partial] = sum;
    }
    finish_tile(row, invocation);
}
