// What a stage adds up over the columns of a tile: each invocation over its rows, and then, where several have rows of one column, over these.

var<private> column_total: ColumnTallies;
var<private> column_part: ColumnTallies;
var<workgroup> column_parts: array<vec4f, INVOCATIONS>;

// Where several invocations have rows of one column: each of them has four columns, for which it comes here once for each sum.
fn finish_column(row: Row, sum: u32, own: vec4f, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    let below = INVOCATIONS / vectors;
    column_parts[invocation] = own;
    workgroupBarrier();
    if invocation < vectors {
        var all = vec4f(0.0);
        for (var first = 0u; first < below; first += 8u) {
            var some = vec4f(0.0);
            for (var k = first; k < min(first + 8u, below); k++) {
                some = both_of_columns(sum, some, column_parts[k * vectors + invocation]);
            }
            all = both_of_columns(sum, all, some);
        }
        store_columns(row, sum, invocation, all);
    }
    workgroupBarrier();
}

// The sums over four columns.
fn store_columns(row: Row, sum: u32, v: u32, x: vec4f) {
    tiles[row.tile / 4u + sum * ((row.width + 3u) / 4u) + v] = x;
}
