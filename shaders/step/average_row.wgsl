fn average(row: Row, own: StepEntry, invocation: u32) {
    begin_list(row);
    for (var i = 4u * invocation; i < row.count; i += TURN) {
        let left = row.count - i;
        if !look(row, i, left) {
            continue;
        }
        var p = value_of(row, i, left);
        let before = p;
        follow(own, row, i, left, &p);
        store_p(row, i, left, p, before);
    }
}
