// What a tile adds up over its columns; what it does over its rows is stored, band by band.
fn finish_tile(row: Row, invocation: u32) {
    finish_columns(row, invocation);
}
