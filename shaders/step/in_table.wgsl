// Where the value is that an element of the list's rows is for, from the first element of a workgroup on.
fn in_table(row: Row, i: u32) -> u32 {
    let first = row.element + i;
    let at = load_mask(row, row.mask + first / row.row_length);
    // Past the rows in the list any value will do: it is not looked at.
    return select(at, 0u, at == HIDDEN) * row.row_length + first % row.row_length - row.element;
}
