// Without a row mask, all elements are seen.
fn look(row: Row, i: u32, left: u32) -> bool {
    return true;
}

fn kept(before: vec4f, after: vec4f) -> vec4f {
    return after;
}

fn kept_or(all: bool, before: vec4f, after: vec4f) -> vec4f {
    return after;
}

fn looked_at() -> vec4<bool> {
    return vec4<bool>(true);
}
