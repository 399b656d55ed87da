// Four rows of a square of the state from row `4 * depth` on, of four columns each.
fn square_rows(m: Matrix, first: u32, depth: u32, block: u32) -> mat4x4f {
    var rows = ZEROS;
    for (var k = 0u; k < 4u; k++) {
        for (var i = 0u; i < 4u; i++) {
            let at = 4u * depth + k;
            let across = 4u * block + i;
            if at < m.size && across < m.size {
                rows[k][i] = squares[first + at * m.size + across];
            }
        }
    }
    return rows;
}
