// Numbers of a map and the bounds between them are looked up in the workgroup's memory, which forms each once: one load for a number that is read, and one for a number that is stored.

var<workgroup> map_signed8: array<f32, 256>;
var<workgroup> bounds_signed8: array<f32, 256>;

fn fill_signed8(invocation: u32) {
    for (var code = i32(invocation); code < 256; code += i32(INVOCATIONS)) {
        let numbers = formed_signed8(vec4i(code, min(code + 1, 255), code, code));
        map_signed8[code] = numbers.x;
        bounds_signed8[code] = bound_between(numbers.x, numbers.y);
    }
}

fn number_signed8(codes: vec4u) -> vec4f {
    return vec4f(map_signed8[codes.x], map_signed8[codes.y], map_signed8[codes.z], map_signed8[codes.w]);
}

fn bound_signed8(codes: vec4u) -> vec4f {
    return vec4f(bounds_signed8[codes.x], bounds_signed8[codes.y], bounds_signed8[codes.z], bounds_signed8[codes.w]);
}
