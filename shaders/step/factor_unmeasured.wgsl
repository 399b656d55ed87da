// By what a parameter's gradient is multiplied, where nothing was measured.
fn gradient_factor(entry: Entry, clip: ClipWords) -> f32 {
    return status.unscale;
}
