// What the work on a square has, one after the other: the square itself, its vectors, cosines, sines and tangents of rotations, and a number for each index.
fn vectors_of(m: Matrix) -> u32 {
    return m.size * m.size;
}

fn turns_of(m: Matrix) -> u32 {
    return 2u * m.size * m.size;
}

fn values_of(m: Matrix) -> u32 {
    return 2u * m.size * m.size + 2u * m.size + 2u;
}
