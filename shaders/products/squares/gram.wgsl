// keep * square + add * X X^T + ridge * I, no larger than leaves a trace within f32, in tiles on and above the diagonal; X has a row for each index of the axis.

fn depth_of(m: Matrix) -> u32 {
    return m.column_blocks;
}

fn left_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    return transpose(element_rows(m, block, depth));
}

fn right_block(m: Matrix, depth: u32, block: u32) -> mat4x4f {
    return left_block(m, depth, block);
}

fn result(m: Matrix, row: u32, column: u32, sum: f32) -> f32 {
    let old = target_lane[m.into + row * m.size + column];
    let ridge = select(0.0, bitcast<f32>(record[m.ridge]), row == column);
    let now = bitcast<f32>(record[m.keep]) * old + (bitcast<f32>(record[m.add]) * sum + ridge);
    // A NaN stays one.
    return select(select(now, MOST, now > MOST), -MOST, now < -MOST);
}
