// Sets the gradients of one row to zero.
fn clear(row: Row, invocation: u32) {
    for (var i = 4u * invocation; i < row.count; i += TURN) {
        let left = row.count - i;
        if look(row, i, left) {
            clear_gradient(row, i, left, load_gradient(row, i, left));
        }
    }
}
