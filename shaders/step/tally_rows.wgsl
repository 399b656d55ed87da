// What a stage adds up over the rows of a tile. Each vector leaves a number, since the invocations of a row lie beside one another.

const VECTORS: u32 = 2048u;

var<workgroup> row_parts: array<f32, ROW_SUMS * VECTORS>;

fn finish_rows(row: Row, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    for (var sum = 0u; sum < ROW_SUMS; sum++) {
        for (var k = invocation; k < row.height; k += INVOCATIONS) {
            tiles[row.tile + sum * row.height + k] = in_eights(sum * VECTORS + k * vectors, vectors);
        }
    }
}

fn in_eights(at: u32, count: u32) -> f32 {
    var all = 0.0;
    for (var first = 0u; first < count; first += 8u) {
        var some = 0.0;
        for (var k = first; k < min(first + 8u, count); k++) {
            some += row_parts[at + k];
        }
        all += some;
    }
    return all;
}
