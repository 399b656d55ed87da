// X in the order of the new basis along an axis, or as it is.
fn work_on(m: Matrix, row: u32, column: u32) {
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let index = 4u * row + i;
            let at = 4u * column + j;
            if index < m.size && at < m.columns {
                var place = index;
                if m.is_copy == 0u {
                    place = u32(numbers[m.work + turns_of(m) + index]);
                }
                target_lane[m.into + element_at(m, place, at)] = element(m, index, at);
            }
        }
    }
}
