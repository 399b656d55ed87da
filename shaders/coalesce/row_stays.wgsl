// Rows that there were stay where they are.
fn row_now(row: u32) -> u32 {
    return row;
}
