// Numbers of a map are looked up in the workgroup's memory.

var<workgroup> map_signed8: array<f32, LAST_signed8 + 1>;

fn fill_signed8(invocation: u32) {
    for (var t = invocation; t <= u32(LAST_signed8); t += INVOCATIONS) {
        map_signed8[t] = formed_signed8(vec4i(i32(t))).x;
    }
}

fn number_signed8(t: vec4i) -> vec4f {
    return vec4f(map_signed8[t.x], map_signed8[t.y], map_signed8[t.z], map_signed8[t.w]);
}
