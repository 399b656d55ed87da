// Rows stay where they are, as far as they are there still.
fn row_now(row: u32) -> u32 {
    return select(BAD, row, row < task.rows);
}
