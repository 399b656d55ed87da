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
