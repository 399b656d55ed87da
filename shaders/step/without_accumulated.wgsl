fn with_accumulated(row: Row, i: u32, left: u32, gradient: vec4f) -> vec4f {
    return gradient;
}
