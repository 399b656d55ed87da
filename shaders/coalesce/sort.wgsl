// Sorts the entries of a tile in workgroup memory, by row, and those of one row by their number. No two are alike, so there is only one order. A bitonic
// sort: of 2,048 entries in 66 rounds, and in as many fewer as there are fewer.

var<workgroup> keys: array<u32, TILE>;
// The numbers of the entries; when these are written, room for what follows.
var<workgroup> scratch: array<u32, TILE>;

fn sort_tile(start: u32, count: u32, invocation: u32) {
    // The next power of two.
    let size = 1u << (32u - countLeadingZeros(max(count, 1u) - 1u));
    for (var i = invocation; i < size; i += INVOCATIONS) {
        var key = BAD;
        var entry = BAD;
        if i < count {
            entry = start + i;
            let row = rows[task.rows_at + entry];
            key = select(BAD, row, row < task.rows);
        }
        keys[i] = key;
        scratch[i] = entry;
    }
    for (var span = 2u; span <= size; span *= 2u) {
        for (var step = span / 2u; step > 0u; step /= 2u) {
            workgroupBarrier();
            for (var pair = invocation; pair < size / 2u; pair += INVOCATIONS) {
                let low = 2u * pair - (pair & (step - 1u));
                order_pair(low, low + step, (low & span) == 0u);
            }
        }
    }
    workgroupBarrier();
}

fn order_pair(low: u32, high: u32, ascends: bool) {
    let key = vec2u(keys[low], keys[high]);
    let entry = vec2u(scratch[low], scratch[high]);
    let is_after = key.x > key.y || (key.x == key.y && entry.x > entry.y);
    if is_after == ascends {
        keys[low] = key.y;
        keys[high] = key.x;
        scratch[low] = entry.y;
        scratch[high] = entry.x;
    }
}
