// f32 leaves nothing of a diagonal.
fn store_rest(m: Matrix, row: u32, exact: mat4x4f, block: Block) {}
