fn reduce(invocation: u32) {
}

fn offender() -> u32 {
    return 0u;
}

fn measured(unscale: f32) {
    status.measured = 0u;
}

fn mark(step: u32) {
}

fn set_unit_factors(invocation: u32, unscale: f32) {
}
