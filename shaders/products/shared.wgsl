// One workgroup forms one tile of a product from slices of both sides, which lie in workgroup memory as rows along the depth. While invocations multiply one
// slice, the next one is on its way.

var<workgroup> left: array<Vector, 4u * SLICE_BLOCKS * ROW_VECTORS>;
var<workgroup> right: array<Vector, 4u * SLICE_BLOCKS * COLUMN_VECTORS>;

const LEFT_BLOCKS: u32 = SLICE_BLOCKS * ROW_VECTORS;
const BOTH_BLOCKS: u32 = SLICE_BLOCKS * (ROW_VECTORS + COLUMN_VECTORS);

// Of a block of a slice, by its number: how deep it is, and which one it is there. Neighbours are neighbours in memory.
fn place_of(number: u32, vectors: u32) -> vec2u {
    if ALONG_DEPTH {
        return vec2u(number % SLICE_BLOCKS, number / SLICE_BLOCKS);
    }
    return vec2u(number / vectors, number % vectors);
}

// Blocks of one place but of different depths are kept in different banks, where neighbours have these.
fn bank_of(depth: u32, vector: u32) -> u32 {
    return select(vector, vector ^ (2u * depth % 8u), ALONG_DEPTH);
}

fn fetched(m: Matrix, tile: Tile, slice: u32, number: u32) -> Block {
    if number < LEFT_BLOCKS {
        let place = place_of(number, ROW_VECTORS);
        return left_block(m, slice + place.x, tile.row + place.y);
    }
    if number >= BOTH_BLOCKS {
        return ZEROS;
    }
    let place = place_of(number - LEFT_BLOCKS, COLUMN_VECTORS);
    return right_block(m, slice + place.x, tile.column + place.y);
}

fn keep(block: Block, number: u32) {
    if number < LEFT_BLOCKS {
        let place = place_of(number, ROW_VECTORS);
        let at = 4u * place.x * ROW_VECTORS + bank_of(place.x, place.y);
        left[at] = block[0];
        left[at + ROW_VECTORS] = block[1];
        left[at + 2u * ROW_VECTORS] = block[2];
        left[at + 3u * ROW_VECTORS] = block[3];
    } else if number < BOTH_BLOCKS {
        let place = place_of(number - LEFT_BLOCKS, COLUMN_VECTORS);
        let at = 4u * place.x * COLUMN_VECTORS + bank_of(place.x, place.y);
        right[at] = block[0];
        right[at + COLUMN_VECTORS] = block[1];
        right[at + 2u * COLUMN_VECTORS] = block[2];
        right[at + 3u * COLUMN_VECTORS] = block[3];
    }
}

fn left_vector(depth: u32, vector: u32) -> vec4f {
    return vec4f(left[depth * ROW_VECTORS + bank_of(depth / 4u, vector)]);
}

fn right_vector(depth: u32, vector: u32) -> vec4f {
    return vec4f(right[depth * COLUMN_VECTORS + bank_of(depth / 4u, vector)]);
}

fn multiplied(m: Matrix, tile: Tile, down: u32, across: u32, invocation: u32) -> Sums {
    let depth = depth_of(m);
    var sums = Sums();
    var next = fetched_all(m, tile, 0u, invocation);
    for (var slice = 0u; slice < depth; slice += SLICE_BLOCKS) {
        workgroupBarrier();
        keep_all(next, invocation);
        workgroupBarrier();
        next = fetched_all(m, tile, slice + SLICE_BLOCKS, invocation);
        for (var k = 0u; k < 4u * SLICE_BLOCKS; k++) {
            sums = with_products(sums, left_of(k, down), right_of(k, across));
        }
    }
    return sums;
}
