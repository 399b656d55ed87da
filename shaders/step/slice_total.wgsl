// The sum over a slice, of which each workgroup that went over its rows has left a part: one number, or a multiple of 16, the last ones 0.
fn slice_total(at: u32, parts: u32) -> f32 {
    if parts == 1u {
        return line_at(at);
    }
    var all = vec4f(0.0);
    for (var i = at; i < at + parts; i += 16u) {
        all += (load_line(i, 4u) + load_line(i + 4u, 4u)) + (load_line(i + 8u, 4u) + load_line(i + 12u, 4u));
    }
    return (all.x + all.y) + (all.z + all.w);
}
