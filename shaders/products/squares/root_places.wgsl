// What the work on a root has, one after the other: places of squares whose rows and columns are padded to multiples of four with zeros, a number for each column, and the norm.
fn lengths_of(m: Matrix) -> u32 {
    return PLACES * 16u * m.blocks * m.blocks;
}

fn norm_of(m: Matrix) -> u32 {
    return lengths_of(m) + 4u * m.blocks;
}
