// Where lanes of fewer bits lie in the state: after those of f32, one after the other, and after them the scales of blocks. Twin: src/program/widths.rs. A lane begins with the
// first element that the binding has of the tensor.

// The word of element `i` of a row, in the lane after so many of f32 and so many bytes for each element, of which a word has `per_word` numbers.
fn packed_at(row: Row, lanes: u32, bytes: u32, per_word: u32, i: u32) -> u32 {
    let first = row.element - row.origin;
    return row.state - first + lanes * row.stride + row.stride / 4u * bytes + (first + i) / per_word;
}

// The word of the scale of element `i` of a row, in this one of the lanes of scales.
fn scale_at(row: Row, lanes: u32, bytes: u32, scale: u32, i: u32) -> u32 {
    let stride = (row.stride / BLOCK + 63u) / 64u * 64u;
    return packed_at(row, lanes, bytes, BLOCK, i) + scale * stride;
}
