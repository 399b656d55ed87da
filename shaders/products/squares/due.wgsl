// Whether the matrix of a tile is worked on in this step: its parameter is active, and the scalar that says so is above 0.
fn is_active(m: Matrix) -> bool {
    return record[m.record + IS_ACTIVE] == 1u && (m.due == ALWAYS || bitcast<f32>(record[m.due]) > 0.0);
}
