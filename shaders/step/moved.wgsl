// What the update of one row did: its displacement and the values before, added up as in measure.wgsl.

var<private> displacement: Tally;
var<private> values_before: Tally;
var<private> displacement_part: Tally;
var<private> values_part: Tally;

fn measure_update(before: vec4f, after: vec4f, i: u32, left: u32) {
    displacement_part = tallied(displacement_part, within(after - before, left));
    values_part = tallied(values_part, within(before, left));
    if (i / TURN) % 4u == 3u {
        displacement = both(displacement, displacement_part);
        values_before = both(values_before, values_part);
        displacement_part = Tally();
        values_part = Tally();
    }
}

fn finish(row: Row, invocation: u32) {
    let own = sum_of(both(displacement, displacement_part), both(values_before, values_part));
    let sum = gather(invocation, own);
    if invocation == 0u {
        moved[row.partial] = sum;
    }
}
