
// What this invocation has of the largest of what has each of four indices of an axis; `row_sum` and `column_sum` are its numbers among those over rows and
// over columns. Those of the last axis are columns of all slices, those of another one are rows.
fn axis_share(line: Line, shape: Shape, row_sum: u32, column_sum: u32, first: u32, invocation: u32) -> vec4f {
    var all = vec4f(0.0);
    for (var j = 0u; j < 4u; j++) {
        let index = min(first + j, line.size - 1u);
        if line.inner == 0u {
            all[j] = of_columns(line, shape, column_sum, index, invocation);
        } else {
            all[j] = of_rows(line, shape, row_sum, index, invocation);
        }
    }
    return all;
}

// A column of each slice, which is in one tile of each band.
fn of_columns(line: Line, shape: Shape, sum: u32, column: u32, invocation: u32) -> f32 {
    let down = (shape.height + shape.tile_height - 1u) / shape.tile_height;
    let beside = (shape.width + shape.tile_width - 1u) / shape.tile_width;
    let tile = column / shape.tile_width;
    let width = min(shape.tile_width, shape.width - tile * shape.tile_width);
    let at = line.tiles + tile * line.tile_words + sum * padded(width) + column % shape.tile_width;
    let own = own_of(line, line.slices * down, invocation);
    var all = vec4f(0.0);
    for (var band = own.first; band < own.last; band++) {
        all = larger_magnitude(all, vec4f(number_at(at + band * beside * line.tile_words)));
    }
    return all.x;
}

// All rows that have an index: `inner` of them follow one another, and then those of the other indices.
fn of_rows(line: Line, shape: Shape, sum: u32, index: u32, invocation: u32) -> f32 {
    let beside = (shape.width + shape.tile_width - 1u) / shape.tile_width;
    let own = own_of(line, line.slices * shape.height / line.size * beside, invocation);
    var all = vec4f(0.0);
    for (var k = own.first; k < own.last; k++) {
        let among = k / beside;
        let row = (among / line.inner * line.size + index) * line.inner + among % line.inner;
        all = larger_magnitude(all, vec4f(number_at(row_at(line, shape, row / shape.height, sum, row % shape.height, k % beside))));
    }
    return all.x;
}

fn number_at(at: u32) -> f32 {
    return tiles[at / 4u][at % 4u];
}
