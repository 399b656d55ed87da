// What a stage adds up over the columns of a tile: each invocation over its rows, and then, where several have rows of one column, over these.

var<workgroup> column_parts: array<vec4f, COLUMN_SUMS * INVOCATIONS>;

// Of the columns at vector `v`, what one invocation has.
fn end_column(row: Row, v: u32, beside: u32, below: u32, invocation: u32, left: u32) {
    var own = all_columns(column_tallies(column_total, column_part));
    column_total = ColumnTallies();
    column_part = ColumnTallies();
    column_turns = 0u;
    for (var sum = 0u; sum < COLUMN_SUMS; sum++) {
        if below == 1u {
            store_columns(row, sum, v, own[sum], left);
        } else {
            column_parts[sum * INVOCATIONS + invocation] = own[sum];
        }
    }
}

fn finish_columns(row: Row, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    let below = INVOCATIONS / min(vectors, INVOCATIONS);
    if below == 1u || invocation >= vectors {
        return;
    }
    for (var sum = 0u; sum < COLUMN_SUMS; sum++) {
        var all = vec4f(0.0);
        for (var first = 0u; first < below; first += 8u) {
            var some = vec4f(0.0);
            for (var k = first; k < min(first + 8u, below); k++) {
                some += column_parts[sum * INVOCATIONS + k * vectors + invocation];
            }
            all += some;
        }
        store_columns(row, sum, invocation, all, row.width - 4u * invocation);
    }
}

// The sums over four columns, of which the tile has `left`.
fn store_columns(row: Row, sum: u32, v: u32, x: vec4f, left: u32) {
    let at = row.tile + ROW_SUMS * row.height + sum * row.width + 4u * v;
    for (var j = 0u; j < min(left, 4u); j++) {
        tiles[at + j] = x[j];
    }
}
