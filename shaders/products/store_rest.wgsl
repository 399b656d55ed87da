// f16 has 11 bits of a diagonal, which is most of A and of B; its rest has the next ones. Without it, a matrix of few rows would be off by four times as much.
fn store_rest(m: Matrix, row: u32, exact: mat4x4f, block: Block) {
    let diagonal = vec4f(exact[0].x, exact[1].y, exact[2].z, exact[3].w);
    let stored = vec4f(Vector(block[0].x, block[1].y, block[2].z, block[3].w));
    squares[rest_at(m, row)] = kept(diagonal - stored);
}
