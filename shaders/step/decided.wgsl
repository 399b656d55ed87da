// The first `prepare` of the step has decided.
fn decide(invocation: u32) -> Status {
    return status;
}
