// A stage over tiles that adds nothing up over columns.
fn add_to_columns(state: State) {
}

fn finish_columns(row: Row, invocation: u32) {
}
