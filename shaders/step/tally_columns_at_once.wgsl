// An invocation keeps what all of its columns have until it has gone through all rows.

var<private> column_totals: array<ColumnTallies, FOURS>;

// After four columns of the rows that are gone through at once.
fn keep_columns(four: u32) {
    column_totals[four] = column_tallies(column_totals[four], column_part);
    column_part = ColumnTallies();
}

fn finish_columns(row: Row, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    if vectors <= INVOCATIONS / 2u {
        column_total = column_totals[0];
        finish_all_columns(row, invocation);
    } else {
        var four = 0u;
        for (var v = invocation; v < vectors; v += INVOCATIONS) {
            column_total = column_totals[four];
            store_all_columns(row, v);
            four++;
        }
    }
}
