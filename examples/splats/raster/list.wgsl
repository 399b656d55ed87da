// Lists the splats that may touch each tile, front to back, which is the order of their numbers and so of the bits that mark them. One invocation for
// each tile: nothing has to be sorted, and the list is the same every time.

@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read_write> marks: array<Mark>;
@group(0) @binding(2) var<storage, read_write> lists: array<u32>;
@group(0) @binding(3) var<storage, read_write> full: array<u32>; // Set to 1 if a list is too short.

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let tile = id.x;
    if tile >= (WIDTH / TILE) * (HEIGHT / TILE) {
        return;
    }
    let start = list_of(tile);
    var length = 0u;
    for (var first = 0u; first < count.x; first += 32u) {
        let mark = mark_of(tile, first);
        marks[mark].before = length;
        for (var bits = marks[mark].bits; bits != 0u; bits &= bits - 1u) {
            length++;
            if length <= ROOM {
                lists[start + length] = first + countTrailingZeros(bits);
            }
        }
    }
    lists[start] = min(length, ROOM);
    if length > ROOM {
        full[0] = 1u;
    }
}
