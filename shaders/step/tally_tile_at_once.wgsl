// What a tile adds up over its rows and its columns.
fn finish_tile(row: Row, invocation: u32) {
    finish_rows(row, invocation);
    finish_columns(row, invocation);
}
