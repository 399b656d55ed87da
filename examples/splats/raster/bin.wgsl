// Lists the splats that may touch each tile, front to back, which is the order of their numbers. One invocation for each tile: nothing has to be
// sorted, and the list is the same every time.

@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> splats: array<Splat>;
@group(0) @binding(2) var<storage, read_write> lists: array<u32>;
@group(0) @binding(3) var<storage, read_write> full: array<u32>; // Set to 1 if a list is too short.

const HALF = 0.5 * f32(TILE - 1u); // From the middle of a tile to the centres of its outermost pixels.

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let tile = id.x;
    let columns = WIDTH / TILE;
    if tile >= columns * (HEIGHT / TILE) {
        return;
    }
    let middle = vec2f(vec2u(tile % columns, tile / columns) * TILE) + 0.5 * f32(TILE);
    let start = list_of(tile);
    var length = 0u;
    for (var i = 0u; i < count.x; i++) {
        let splat = splats[i];
        let inside = all(abs(middle - splat.mean) < splat.reach + HALF);
        // Within the rectangle around the tile along the splat's axes, the place next to its middle.
        let half = HALF * (abs(splat.inverse.xz) + abs(splat.inverse.yw));
        let nearest = max(abs(along_axes(splat, middle)) - half, vec2f());
        if inside && dot(nearest, nearest) < CUT {
            length++;
            if length <= ROOM {
                lists[start + length] = i;
            }
        }
    }
    lists[start] = min(length, ROOM);
    if length > ROOM {
        full[0] = 1u;
    }
}
