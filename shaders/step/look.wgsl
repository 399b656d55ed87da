// Looks which of the elements `i` to `i + 3` of a row are in rows of the parameter that the mask shows, and says whether any is. Past the row's end
// they are as its last element.
fn look(row: Row, i: u32, left: u32) -> bool {
    let first = row.element + i;
    if WHOLE_ROWS {
        seen = vec4<bool>(load_mask(row, row.mask + first / row.row_length) != HIDDEN);
        return seen.x;
    }
    let last = min(left, 4u) - 1u;
    let at = vec4u(row.mask) + (vec4u(first) + min(vec4u(0u, 1u, 2u, 3u), vec4u(last))) / row.row_length;
    seen = vec4u(load_mask(row, at.x), load_mask(row, at.y), load_mask(row, at.z), load_mask(row, at.w)) != vec4u(HIDDEN);
    return any(seen);
}
