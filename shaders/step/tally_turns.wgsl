// By sums of eight, so that roundings do not add up over all terms.

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
