// Numbers of a map are formed wherever they are needed: llvmpipe forms eight in the time in which it looks up one.

fn fill_signed8(invocation: u32) {
}

fn number_signed8(t: vec4i) -> vec4f {
    return formed_signed8(t);
}
