// A stage without sums over the tensor, the group or all.
fn add(state: State, left: u32) {
    add_to_columns(state);
}

fn finish(row: Row, invocation: u32) {
    finish_tile(row, invocation);
}
