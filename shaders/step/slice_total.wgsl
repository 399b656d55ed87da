// The sum over a slice, of which each workgroup that went over its rows has left a part: one number, or 16, or 64, of which the last ones are 0.
fn slice_total(at: u32, parts: u32) -> f32 {
    if parts == 1u {
        return line_at(at);
    }
    var all = sixteen(at);
    if parts > 16u {
        all = (all + sixteen(at + 16u)) + (sixteen(at + 32u) + sixteen(at + 48u));
    }
    return (all.x + all.y) + (all.z + all.w);
}

fn sixteen(at: u32) -> vec4f {
    return (load_line(at, 4u) + load_line(at + 4u, 4u)) + (load_line(at + 8u, 4u) + load_line(at + 12u, 4u));
}

// The largest magnitude of a slice, of which each workgroup has left that of its rows.
fn slice_largest(at: u32, parts: u32) -> f32 {
    var all = vec4f(line_at(at));
    for (var k = 0u; parts > 1u && k < parts; k += 4u) {
        all = larger_magnitude(all, load_line(at + k, 4u));
    }
    return largest_across(all);
}
