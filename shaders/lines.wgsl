// A stage of a rule over rows or columns: one workgroup takes some of those of a slice, four an invocation and turn, or four for several invocations, each
// of which adds up what some of the tiles have. Over axes likewise, of the indices of one (lines_axis.wgsl). `both_of_lines` adds two numbers of a sum, or finds
// the larger magnitude.

var<private> total: Tallies;
var<private> part: Tallies;
var<workgroup> shares: array<vec4f, INVOCATIONS>;

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
    let is_active = record[at + IS_ACTIVE];
    let shape = load_shape(at + SHAPE);
    let h = load_hyper(entry.hyper);
    let s = load_scalars(at + SCALARS);
    let whole = whole_of(at);
    if is_active != 1u {
        return;
    }
    let beside = INVOCATIONS / line.sharing;
    let last = (line.count - 1u) / 4u * 4u;
    var turns = 0u;
    for (var first = 0u; first < line.count; first += 4u * beside) {
        let own = first + 4u * (invocation % beside);
        let n = line.first + min(own, last);
        let totals = totals_of(line, shape, n, invocation);
        if own <= last && invocation < beside {
            let left = line.count - own;
            var p = vec4f(0.0);
            var state = load_state(line, shape, whole, totals, n, left);
            let read = state;
            stage(h, s, &p, &state);
            store_state(line, shape, n, left, state, read);
            part = added(part, state, left);
        }
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

// The sum of what the invocations have that share four rows or columns, for the first of them. All of the workgroup come here.
fn together(line: Line, number: u32, own: vec4f, invocation: u32) -> vec4f {
    let beside = INVOCATIONS / line.sharing;
    var sum = own;
    for (var left = line.sharing; left > 1u; left = (left + 7u) / 8u) {
        workgroupBarrier();
        shares[invocation] = sum;
        workgroupBarrier();
        let first = 8u * (invocation / beside);
        if first < left {
            sum = vec4f(0.0);
            for (var k = first; k < min(first + 8u, left); k++) {
                sum = both_of_lines(number, sum, shares[k * beside + invocation % beside]);
            }
        }
    }
    return sum;
}

// Where the numbers of a slice's tiles are, and which of them are this invocation's, of so many.
struct Own { first: u32, last: u32 }

fn own_of(line: Line, count: u32, invocation: u32) -> Own {
    let each = (count + line.sharing - 1u) / line.sharing;
    let first = each * (invocation / (INVOCATIONS / line.sharing));
    return Own(first, min(first + each, count));
}

// Numbers of a vector each.
fn padded(count: u32) -> u32 {
    return (count + 3u) / 4u * 4u;
}

// What this invocation has of the sums over four rows; `sum` is its number among those over rows. In a tile they come after those over columns. Four rows
// are in one tile, unless tiles have fewer.
fn row_share(line: Line, shape: Shape, sum: u32, row: u32, invocation: u32) -> vec4f {
    let beside = (shape.width + shape.tile_width - 1u) / shape.tile_width;
    let own = own_of(line, beside, invocation);
    if shape.tile_height < 4u && shape.tile_height < shape.height {
        let last = shape.height - 1u;
        var all = vec4f(0.0);
        for (var tile = own.first; tile < own.last; tile++) {
            let four = vec4f(
                one_row(line, shape, sum, row, tile),
                one_row(line, shape, sum, min(row + 1u, last), tile),
                one_row(line, shape, sum, min(row + 2u, last), tile),
                one_row(line, shape, sum, min(row + 3u, last), tile),
            );
            all = both_of_lines(sum, all, four);
        }
        return all;
    }
    // The last tile of a row has fewer columns, and in some shares it is the last one.
    let at = row_at(line, shape, line.slice, sum, row, 0u) / 4u;
    let stride = line.tile_words / 4u;
    if own.first >= own.last || own.last < beside {
        return in_eights(sum, at + own.first * stride, stride, own.last - min(own.first, own.last));
    }
    let most = in_eights(sum, at + own.first * stride, stride, own.last - 1u - own.first);
    return both_of_lines(sum, most, tiles[row_at(line, shape, line.slice, sum, row, own.last - 1u) / 4u]);
}

fn one_row(line: Line, shape: Shape, sum: u32, row: u32, tile: u32) -> f32 {
    let at = row_at(line, shape, line.slice, sum, row, tile);
    return tiles[at / 4u][at % 4u];
}

fn row_at(line: Line, shape: Shape, slice: u32, sum: u32, row: u32, tile: u32) -> u32 {
    let down = (shape.height + shape.tile_height - 1u) / shape.tile_height;
    let beside = (shape.width + shape.tile_width - 1u) / shape.tile_width;
    let band = row / shape.tile_height;
    let height = min(shape.tile_height, shape.height - band * shape.tile_height);
    let width = min(shape.tile_width, shape.width - tile * shape.tile_width);
    let at = line.tiles + ((slice * down + band) * beside + tile) * line.tile_words;
    return at + COLUMN_SUMS * padded(width) + sum * padded(height) + row % shape.tile_height;
}

// What this invocation has of the sums over four columns, which are in one tile of each band.
fn column_share(line: Line, shape: Shape, sum: u32, column: u32, invocation: u32) -> vec4f {
    let down = (shape.height + shape.tile_height - 1u) / shape.tile_height;
    let beside = (shape.width + shape.tile_width - 1u) / shape.tile_width;
    let tile = column / shape.tile_width;
    let width = min(shape.tile_width, shape.width - tile * shape.tile_width);
    let at = line.tiles + (line.slice * down * beside + tile) * line.tile_words + sum * padded(width) + column % shape.tile_width;
    let stride = beside * line.tile_words / 4u;
    let own = own_of(line, down, invocation);
    return in_eights(sum, at / 4u + own.first * stride, stride, own.last - min(own.first, own.last));
}

// So many vectors, eight of them under way at once.
fn in_eights(sum: u32, at: u32, stride: u32, count: u32) -> vec4f {
    var all = vec4f(0.0);
    var k = 0u;
    for (; k + 8u <= count; k += 8u) {
        all = both_of_lines(sum, all, both_of_lines(sum, four(sum, at + k * stride, stride), four(sum, at + (k + 4u) * stride, stride)));
    }
    if k + 4u <= count {
        all = both_of_lines(sum, all, four(sum, at + k * stride, stride));
        k += 4u;
    }
    for (; k < count; k++) {
        all = both_of_lines(sum, all, tiles[at + k * stride]);
    }
    return all;
}

fn four(sum: u32, at: u32, stride: u32) -> vec4f {
    let two = both_of_lines(sum, tiles[at], tiles[at + stride]);
    return both_of_lines(sum, two, both_of_lines(sum, tiles[at + 2u * stride], tiles[at + 3u * stride]));
}
