// Rows stay where they are, and there may be fewer.
fn row_now(row: u32) -> u32 {
    return select(BAD, row, row < task.rows);
}
