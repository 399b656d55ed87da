// b A + c A A of the symmetric A = X X^T, in tiles on and above the diagonal.

fn right_block(m: Matrix, depth: u32, block: u32) -> Block {
    return left_block(m, depth, block);
}
