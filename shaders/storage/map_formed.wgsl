// Numbers of a map are formed wherever they are needed, and each invocation has the bounds between them: llvmpipe forms eight, or looks up eight that are their own, in the time in
// which it looks up one in the workgroup's memory.

var<private> bounds_signed8: array<f32, 255> = array<f32, 255>(BOUNDS);

fn fill_signed8(invocation: u32) {
}

fn number_signed8(codes: vec4u) -> vec4f {
    return formed_signed8(vec4i(codes));
}

fn bound_signed8(codes: vec4u) -> vec4f {
    return vec4f(bounds_signed8[codes.x], bounds_signed8[codes.y], bounds_signed8[codes.z], bounds_signed8[codes.w]);
}
