// A stage that is not over tiles adds nothing up over rows and columns.
fn add_to_columns(state: State) {
}

fn finish_tile(row: Row, invocation: u32) {
}
