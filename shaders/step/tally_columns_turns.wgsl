// An invocation has four columns until it has gone through their rows.

// After some rows, so that roundings do not add up over all of them.
fn end_turns() {
    column_total = column_tallies(column_total, column_part);
    column_part = ColumnTallies();
}

// After the rows of four columns, where one invocation has all of them.
fn end_column(row: Row, v: u32, below: u32) {
    if below == 1u {
        store_all_columns(row, v);
        column_total = ColumnTallies();
    }
}

fn finish_columns(row: Row, invocation: u32) {
    if INVOCATIONS / min((row.width + 3u) / 4u, INVOCATIONS) > 1u {
        finish_all_columns(row, invocation);
    }
}
