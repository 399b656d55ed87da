// The n-th element of a workgroup.
fn place_of(row: Row, n: u32) -> Place {
    return Place(n, row.count - min(n, row.count));
}
