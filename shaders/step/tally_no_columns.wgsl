// A stage over tiles that adds nothing up over columns.
fn add_to_columns(state: State) {
}

fn end_turns() {
}

fn end_column(row: Row, v: u32, below: u32) {
}

fn finish_columns(row: Row, invocation: u32) {
}
