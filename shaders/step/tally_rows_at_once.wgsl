// What a stage adds up over the rows of a tile: each invocation leaves a number for each row that it has a part of.

var<workgroup> row_parts: array<f32, ROW_SUMS * VECTORS>;

// When all rows are gone through.
fn finish_rows(row: Row, invocation: u32) {
    let beside = min((row.width + 3u) / 4u, INVOCATIONS);
    workgroupBarrier();
    for (var sum = 0u; sum < ROW_SUMS; sum++) {
        for (var k = invocation; k < row.height; k += INVOCATIONS) {
            var all = 0.0;
            for (var part = 0u; part < beside; part++) {
                all = both_of_rows(sum, all, row_parts[sum * VECTORS + k * beside + part]);
            }
            store_row(row, sum, k, true, all);
        }
    }
}
