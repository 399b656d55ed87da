// Adds up each splat's sums over the rows of the tiles that it touches, in one order, and makes gradients of them.

@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> splats: array<Splat>;
@group(0) @binding(2) var<storage, read> marks: array<Mark>;
@group(0) @binding(3) var<storage, read> parts: array<vec4f>; // Four rows each.
@group(0) @binding(4) var<storage, read_write> positions: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> scales: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> angles: array<f32>;
@group(0) @binding(7) var<storage, read_write> colors: array<f32>;
@group(0) @binding(8) var<storage, read_write> opacities: array<f32>;

// Where the splat stands in the tile's list; ROOM if it does not.
fn entry_of(i: u32, tile: u32) -> u32 {
    let mark = marks[mark_of(tile, i)];
    let bit = 1u << (i % 32u);
    let entry = mark.before + countOneBits(mark.bits & (bit - 1u));
    return select(ROOM, min(entry, ROOM), (mark.bits & bit) != 0u);
}

// A number's sum over the rows of a tile.
fn rows(entry: u32, number: u32) -> f32 {
    let at = (entry + number * TILE) / 4u;
    let sums = parts[at] + parts[at + 1u];
    return (sums.x + sums.y) + (sums.z + sums.w);
}

fn add(sums: Sums, at: u32) -> Sums {
    return Sums(
        sums.color + vec3f(rows(at, 0u), rows(at, 1u), rows(at, 2u)),
        sums.opacity + rows(at, 3u),
        sums.place + vec2f(rows(at, 4u), rows(at, 5u)),
        sums.shape + vec3f(rows(at, 6u), rows(at, 7u), rows(at, 8u)),
    );
}

fn sums_of(i: u32, splat: Splat) -> Sums {
    let tiles = tiles_of(splat);
    var sums: Sums;
    for (var y = tiles.y; y <= tiles.w; y++) {
        for (var x = tiles.x; x <= tiles.z; x++) {
            let tile = u32(y) * (WIDTH / TILE) + u32(x);
            let entry = entry_of(i, tile);
            if entry < ROOM {
                sums = add(sums, parts_of(tile, entry));
            }
        }
    }
    return sums;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let i = id.x;
    if i >= count.x {
        return;
    }
    let splat = splats[i];
    let sums = sums_of(i, splat);
    let to_axes = mat2x2f(splat.inverse.xz, splat.inverse.yw);
    // How much longer the second axis is than the first.
    let ratio = length(splat.inverse.xy) / length(splat.inverse.zw);
    positions[i] = -2.0 * (sums.place * to_axes);
    scales[i] = -2.0 * sums.shape.xz;
    angles[i] = 2.0 * sums.shape.y * (ratio - 1.0 / ratio);
    colors[3u * i] = sums.color.x;
    colors[3u * i + 1u] = sums.color.y;
    colors[3u * i + 2u] = sums.color.z;
    opacities[i] = sums.opacity * splat.opacity * (1.0 - splat.opacity / DENSEST);
}
