// Whether the matrix of a tile is worked on in this step.
fn is_active(m: Matrix) -> bool {
    return record[m.record + IS_ACTIVE] == 1u;
}
