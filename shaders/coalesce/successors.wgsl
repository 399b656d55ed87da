// For each row before, the first row now that takes its state over, as what BAD is more than its number; 0 where there is none. The largest wins, whoever comes first.
fn count() -> u32 {
    return task.rows;
}

fn visit(i: u32) {
    let row = index[task.index_at + i];
    if row < task.rows_before {
        atomicMax(&successors[row], BAD - i);
    }
}
