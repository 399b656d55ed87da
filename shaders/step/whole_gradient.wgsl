// The gradient that a step has of four elements, with what was accumulated; of rows that are not seen, zero.
fn whole_gradient(row: Row, i: u32, left: u32) -> vec4f {
    if !look(row, i, left) {
        return vec4f(0.0);
    }
    return kept(vec4f(0.0), with_accumulated(row, i, left, load_gradient(row, i, left)));
}
