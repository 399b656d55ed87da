// Matrices that are kept in f16 between products, multiplied by powers of two that keep them clear of its ends. Sums are in f32, where a product of two numbers of
// f16 is exact: a sum has the same bits whether or not an adapter contracts `a * b + c`. Twin: src/products/half.rs.

alias Vector = vec4<f16>;
alias Block = mat4x4<f16>;

// Rounded by bits first, since WGSL lets a conversion go to either neighbour. What is converted then is exact.
fn kept(x: vec4f) -> Vector {
    return Vector(value_of_f16(nearest_f16(x)));
}

fn loaded(x: vec4f) -> Vector {
    return kept(LOADED_BY * x);
}

fn gram_of(sums: mat4x4f) -> mat4x4f {
    return GRAM_BY * sums;
}

// What f16 leaves of the diagonals of A and B lies behind each: a vector for each block of rows.
fn rest_at(m: Matrix, block: u32) -> u32 {
    return m.square + 4u * m.row_blocks * m.row_blocks + block;
}
