// Entries that are pending are for the row that their row has become; those of a row that is gone, or never was, are for none, and are counted with others of that kind.
fn count() -> u32 {
    return min(list[KEPT], task.room);
}

fn visit(i: u32) {
    let row = list[LIST_ROWS + i];
    var now = BAD;
    if row < task.rows_before {
        now = row_now(row);
    }
    list[LIST_ROWS + i] = now;
}
