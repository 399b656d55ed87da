// What a word of the hyper-parameters is in this step: as the host set it, or by its schedule.
fn assigned(a: Assignment, step: u32) -> u32 {
    if a.schedule == CONSTANT {
        return a.offset;
    }
    let x = bitcast<f32>(a.offset) + a.slope * schedule(a.schedule, step - 1u);
    if a.logarithm != 0u {
        return bitcast<u32>(ln_ratio(x, 1.0));
    }
    return bitcast<u32>(x);
}
