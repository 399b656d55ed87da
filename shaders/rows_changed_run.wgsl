// Four elements at a time, without a branch between them where all four are of rows before that are bound, or of others that are not.
const RUN: u32 = 4u;

fn visit(own: MoveTask, i: u32, count: u32, row: u32, column: u32) {
    var rows = vec4u(row);
    var columns = vec4u(column);
    for (var k = 1u; k < RUN; k++) {
        let is_next = columns[k - 1u] + 1u == own.width;
        columns[k] = select(columns[k - 1u] + 1u, 0u, is_next);
        rows[k] = select(rows[k - 1u], rows[k - 1u] + 1u, is_next);
    }
    if count == RUN {
        let before = vec4u(row_before(own, rows.x), row_before(own, rows.y), row_before(own, rows.z), row_before(own, rows.w));
        let source = before * own.width + columns - own.source_first;
        let is_known = before < vec4u(own.rows);
        let is_bound = source < vec4u(own.source_count);
        if all(is_known & is_bound) {
            tensor[own.at + i] = before_tensor[own.source_at + source.x];
            tensor[own.at + i + 1u] = before_tensor[own.source_at + source.y];
            tensor[own.at + i + 2u] = before_tensor[own.source_at + source.z];
            tensor[own.at + i + 3u] = before_tensor[own.source_at + source.w];
            return;
        }
        if all(is_known & !is_bound) {
            return;
        }
    }
    for (var k = 0u; k < count; k++) {
        visit_one(own, i + k, rows[k], columns[k]);
    }
}
