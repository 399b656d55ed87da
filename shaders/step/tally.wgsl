// What a stage adds up over its row.

var<private> total: Tallies;
var<private> part: Tallies;

fn finish(row: Row, invocation: u32) {
    let sum = gather(invocation, across_all(tallies(total, part)));
    if invocation == 0u {
        sums[row.partial] = sum;
    }
    finish_tile(row, invocation);
}
