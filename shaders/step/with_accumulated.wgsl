fn with_accumulated(row: Row, i: u32, left: u32, gradient: vec4f) -> vec4f {
    if record[row.record + PENDING] == 0u {
        return gradient;
    }
    return gradient + load_accumulated(row, i, left);
}
