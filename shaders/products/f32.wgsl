// Matrices that are kept in f32 between products: as they are.

alias Vector = vec4f;
alias Block = mat4x4f;

fn kept(x: vec4f) -> Vector {
    return x;
}

fn loaded(x: vec4f) -> Vector {
    return x;
}

fn gram_of(sums: mat4x4f) -> mat4x4f {
    return sums;
}
