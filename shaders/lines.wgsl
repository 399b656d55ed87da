// A stage of a rule over rows or columns: one workgroup takes all rows of a slice, or some of its columns, four an invocation and turn.

var<private> total: Tallies;
var<private> part: Tallies;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    let index = workgroup.y * workgroups.x + workgroup.x;
    if index >= arrayLength(&work) {
        return;
    }
    let line = work[index];
    let entry = parameters[line.member];
    let at = entry.record;
    if record[at + IS_ACTIVE] != 1u {
        return;
    }
    let shape = load_shape(at + SHAPE);
    let h = load_hyper(entry.hyper);
    let s = load_scalars(at + SCALARS);
    let whole = whole_of(at);
    var turns = 0u;
    for (var n = 4u * invocation; n < line.count; n += 4u * INVOCATIONS) {
        let left = line.count - n;
        var p = vec4f(0.0);
        var state = load_state(line, shape, whole, line.first + n, left);
        let read = state;
        stage(h, s, &p, &state);
        store_state(line, shape, line.first + n, left, state, read);
        part = added(part, state, left);
        turns++;
        if turns % 8u == 0u {
            total = tallies(total, part);
            part = Tallies();
        }
    }
    finish(line, shape, invocation);
}

// Zero for what is past the end.
fn within(x: vec4f, left: u32) -> vec4f {
    return select(vec4f(0.0), x, vec4u(0u, 1u, 2u, 3u) < vec4u(left));
}

fn across(x: vec4f) -> f32 {
    return (x.x + x.y) + (x.z + x.w);
}

// The sum over a row, of all its tiles; `sum` is its number among those over rows.
fn row_total(line: Line, shape: Shape, sum: u32, row: u32) -> f32 {
    let down = (shape.height + shape.tile_height - 1u) / shape.tile_height;
    let beside = (shape.width + shape.tile_width - 1u) / shape.tile_width;
    let band = row / shape.tile_height;
    let height = min(shape.tile_height, shape.height - band * shape.tile_height);
    let at = line.tiles + (line.slice * down + band) * beside * line.tile_words + sum * height + row % shape.tile_height;
    var all = 0.0;
    for (var first = 0u; first < beside; first += 8u) {
        var some = 0.0;
        for (var tile = first; tile < min(first + 8u, beside); tile++) {
            some += tiles[at + tile * line.tile_words];
        }
        all += some;
    }
    return all;
}

// The sum over a column.
fn column_total(line: Line, shape: Shape, sum: u32, column: u32) -> f32 {
    let down = (shape.height + shape.tile_height - 1u) / shape.tile_height;
    let beside = (shape.width + shape.tile_width - 1u) / shape.tile_width;
    let tile = column / shape.tile_width;
    let width = min(shape.tile_width, shape.width - tile * shape.tile_width);
    let at = line.tiles + (line.slice * down * beside + tile) * line.tile_words + sum * width + column % shape.tile_width;
    var all = 0.0;
    for (var first = 0u; first < down; first += 8u) {
        var some = 0.0;
        for (var band = first; band < min(first + 8u, down); band++) {
            let height = min(shape.tile_height, shape.height - band * shape.tile_height);
            some += tiles[at + ROW_SUMS * height + band * beside * line.tile_words];
        }
        all += some;
    }
    return all;
}
