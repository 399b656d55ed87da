// An element of a row that is shown is multiplied by the factor, or becomes 0, whatever it was, if that is the factor. Nothing is stored elsewhere: other rows
// keep their bits.
fn visit(own: ScaleTask, i: u32, count: u32, row: u32, column: u32) {
    if rows[own.rows_at + row] == 0u {
        return;
    }
    var scaled = Element();
    if own.factor != 0.0 {
        scaled = tensor[own.at + i] * own.factor;
    }
    tensor[own.at + i] = scaled;
}
