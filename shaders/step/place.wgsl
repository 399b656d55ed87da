// How many elements are left of a row from the n-th one on.
fn left_of(row: Row, n: u32) -> u32 {
    return row.count - min(n, row.count);
}

fn place_of(row: Row, n: u32) -> u32 {
    return n;
}
