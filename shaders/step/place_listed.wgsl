// Where the work of a list is: the elements of its rows, each rounded up to whole vectors, one after the other.

// The n-th element of a workgroup. Where its gradient is, is `in_list` from then on.
fn place_of(row: Row, n: u32) -> Place {
    let padded = (row.row_length + 3u) / 4u * 4u;
    let entry = (row.element + n) / padded;
    let column = (row.element + n) % padded;
    let at = load_mask(row, row.mask + entry);
    // Where the list ends, stands what is past all rows.
    let is_here = n < row.count && at - row.origin / row.row_length < row.height;
    in_list = entry * row.row_length + column - row.element;
    return Place(at * row.row_length + column - row.element, select(0u, row.row_length - column, is_here));
}
