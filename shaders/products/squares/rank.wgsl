// The place of a column in falling order of the numbers that there are for columns; of equal ones the first comes first.
fn rank_of(m: Matrix, column: u32) -> u32 {
    let first = m.work + values_of(m);
    let own = numbers[first + column];
    var rank = 0u;
    for (var other = 0u; other < m.size; other++) {
        let x = numbers[first + other];
        if x > own || (other < column && !(x < own)) {
            rank++;
        }
    }
    return rank;
}
