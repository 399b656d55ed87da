// By what a parameter's gradient is multiplied, where nothing was measured.
fn gradient_factor(entry: ParamSettings, clip: ClipWords, unscale: f32) -> f32 {
    return unscale;
}
