// What a word of the hyper-parameters is where none follows a schedule.
fn assigned(a: Assignment, step: u32) -> u32 {
    return a.offset;
}
