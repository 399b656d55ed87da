// Stores the copy in bf16 of four values, of those that are looked at, as they are after so many steps.
fn store_copy(row: Row, steps: u32, i: u32, left: u32, x: vec4f) {
    let wanted = (vec4u(0u, 1u, 2u, 3u) < vec4u(left)) & looked_at();
    store_copy_at(row, i, encoded_bf16(x, row.salt, steps, row.element + i), wanted);
}
