// Looks which of the elements `i` to `i + 3` of a row are in rows of the table that the list does not have, and says whether any is. Past the row's end they are
// as its last element. The list ascends, and has no row twice, so that where one is, is known from where the part's first row would be.
fn look(row: Row, i: u32, left: u32) -> bool {
    let first = row.element + i;
    if WHOLE_ROWS {
        seen = vec4<bool>(!is_listed(row, first / row.row_length));
        return seen.x;
    }
    let last = min(left, 4u) - 1u;
    let at = (vec4u(first) + min(vec4u(0u, 1u, 2u, 3u), vec4u(last))) / row.row_length;
    seen = !vec4<bool>(is_listed(row, at.x), is_listed(row, at.y), is_listed(row, at.z), is_listed(row, at.w));
    return any(seen);
}

fn begin_list(row: Row) {
    list_begin = place_in_list(row, row.element / row.row_length, 0u, list_length(row) - row.mask);
}

// The first place, from `start` to `end`, at which the list has this row or one after it.
fn place_in_list(row: Row, wanted: u32, start: u32, end: u32) -> u32 {
    var low = start;
    var high = end;
    while low < high {
        let middle = (low + high) / 2u;
        if load_mask(row, row.mask + middle) < wanted {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}

fn is_listed(row: Row, wanted: u32) -> bool {
    let end = list_length(row) - row.mask;
    let at = place_in_list(row, wanted, list_begin, min(end, list_begin + (wanted - row.element / row.row_length)));
    return at < end && load_mask(row, row.mask + min(at, end - 1u)) == wanted;
}
