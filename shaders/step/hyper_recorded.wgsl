// Hyper-parameters and clip as the first `prepare` has recorded them.
fn hyper_parameters(entry: ParamSettings) -> Hyper {
    return load_hyper(entry.hyper);
}

fn clip_of(entry: ParamSettings) -> ClipWords {
    return load_clip(entry.clip);
}
