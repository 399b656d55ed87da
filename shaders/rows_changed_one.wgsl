// An element, a word or a vector, which is of one row.
fn visit(all: Tasks, begin: Begin, i: u32, at: u32) {
    let own = all.task0;
    let row = u32((f32(at - begin.spare) + 0.5) * begin.inverse);
    move_all(all, i, rows_before[own.index_at + begin.row + row], at - row * own.width);
}
