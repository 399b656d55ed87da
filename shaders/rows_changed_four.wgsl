// Four words, of up to four rows. What is bound after the last one is padding, and counts as new.
fn visit(all: Tasks, begin: Begin, i: u32, first: u32) {
    let own = all.task0;
    let four = vec4u(0u, 1u, 2u, 3u);
    let at = first + four;
    let row = vec4u((vec4f(at - begin.spare) + 0.5) * begin.inverse);
    let index = own.index_at + begin.row + row;
    let before = vec4u(rows_before[index.x], rows_before[index.y], rows_before[index.z], rows_before[index.w]);
    let is_there = 4u * i + four < vec4u(own.count);
    move_all(all, i, select(vec4u(NEW), before, is_there), at - row * own.width);
}
