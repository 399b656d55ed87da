// Where an element of a matrix is in the lane of its parameter, which has no padding.
fn lane_at(m: Matrix, row: u32, column: u32) -> u32 {
    if m.is_tall != 0u {
        return m.lane + column * m.rows + row;
    }
    return m.lane + row * m.columns + column;
}
