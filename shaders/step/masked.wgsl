// Rows of the parameter that the caller's mask shows. What follows is for the elements that were looked at last, and for them alone.

var<private> seen: vec4<bool>;

// `after` where elements are in rows that are seen, else `before`.
fn kept(before: vec4f, after: vec4f) -> vec4f {
    return select(before, after, seen);
}

// The same where a step touches what is not seen too.
fn kept_or(all: bool, before: vec4f, after: vec4f) -> vec4f {
    return select(before, after, seen | vec4<bool>(all));
}

fn looked_at() -> vec4<bool> {
    return seen;
}
