// Where the work of a list is: the elements of its rows, each rounded up to whole vectors, one after the other.

// How many elements are left of the row in the list that has the n-th one of a workgroup: none where the list has ended, or its row is in another part of the
// table.
fn left_of(row: Row, n: u32) -> u32 {
    let padded = (row.row_length + 3u) / 4u * 4u;
    let at = load_mask(row, row.mask + (row.element + n) / padded);
    // Where the list ends, stands what is past all rows.
    let is_here = n < row.count && at - row.origin / row.row_length < row.height;
    return select(0u, row.row_length - (row.element + n) % padded, is_here);
}

// The element of the table that this is, from where the workgroup's first one would be; and where its gradient is, `in_list`.
fn place_of(row: Row, n: u32) -> u32 {
    let padded = (row.row_length + 3u) / 4u * 4u;
    let entry = (row.element + n) / padded;
    let column = (row.element + n) % padded;
    in_list = entry * row.row_length + column - row.element;
    return load_mask(row, row.mask + entry) * row.row_length + column - row.element;
}
