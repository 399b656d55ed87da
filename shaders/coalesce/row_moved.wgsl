// The first row that takes over the state of this one.
fn row_now(row: u32) -> u32 {
    return BAD - successors[row];
}
