// By sums over four columns of the rows that are gone through at once, and over all columns of these, so that roundings do not add up over all terms.

var<private> of_rows: Tallies;

fn add(state: State, left: u32) {
    add_to_columns(state);
    part = added(part, state, left);
}

fn end_four() {
    of_rows = tallies(of_rows, part);
    part = Tallies();
}

fn end_rows() {
    total = tallies(total, of_rows);
    of_rows = Tallies();
}
