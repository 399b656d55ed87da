fn accumulate(row: Row, pending: u32, invocation: u32) {
    let is_first = pending == 0u;
    for (var i = 4u * invocation; i < row.count; i += TURN) {
        let left = row.count - i;
        let is_seen = look(row, i, left);
        if !is_seen && !is_first {
            continue;
        }
        var own = vec4f(0.0);
        if is_seen {
            let gradient = load_gradient(row, i, left);
            clear_gradient(row, i, left, gradient);
            own = kept(own, gradient);
        }
        let sum = select(load_accumulated(row, i, 4u) + own, own, is_first);
        store_accumulated(row, pending, i, 4u, sum, sum);
    }
}
