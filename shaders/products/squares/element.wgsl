// Where an element is: its index along the axis, and its column among all others.
fn element_at(m: Matrix, index: u32, column: u32) -> u32 {
    return (column / m.inner * m.size + index) * m.inner + column % m.inner;
}

fn element(m: Matrix, index: u32, column: u32) -> f32 {
    if index >= m.size || column >= m.columns {
        return 0.0;
    }
    return source[m.source + element_at(m, index, column)];
}

// Four columns of each of four indices.
fn element_rows(m: Matrix, index: u32, column: u32) -> mat4x4f {
    var block = ZEROS;
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            block[i][j] = element(m, 4u * index + i, 4u * column + j);
        }
    }
    return block;
}
