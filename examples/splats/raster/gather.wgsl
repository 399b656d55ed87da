// Adds up each splat's sums over the tiles that it touches, in the order of the tiles, and makes gradients of them.

@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> splats: array<Splat>;
@group(0) @binding(2) var<storage, read> lists: array<u32>;
@group(0) @binding(3) var<storage, read> parts: array<f32>;
@group(0) @binding(4) var<storage, read_write> positions: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> scales: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> angles: array<f32>;
@group(0) @binding(7) var<storage, read_write> colors: array<f32>;
@group(0) @binding(8) var<storage, read_write> opacities: array<f32>;

// Where the splat stands in the tile's list, whose numbers ascend; its length if it is not there.
fn entry_of(splat: u32, start: u32) -> u32 {
    let length = lists[start];
    var low = 0u;
    var high = length;
    while low < high {
        let middle = (low + high) / 2u;
        if lists[start + 1u + middle] < splat {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return select(length, low, low < length && lists[start + 1u + low] == splat);
}

fn add(sums: Sums, at: u32) -> Sums {
    return Sums(
        sums.color + vec3f(parts[at], parts[at + 1u], parts[at + 2u]),
        sums.opacity + parts[at + 3u],
        sums.place + vec2f(parts[at + 4u], parts[at + 5u]),
        sums.shape + vec3f(parts[at + 6u], parts[at + 7u], parts[at + 8u]),
    );
}

fn sums_of(i: u32) -> Sums {
    let splat = splats[i];
    let tiles = vec2i(vec2u(WIDTH, HEIGHT) / TILE);
    let first = max(vec2i(floor((splat.mean - splat.reach) / f32(TILE))), vec2i());
    let last = min(vec2i(floor((splat.mean + splat.reach) / f32(TILE))), tiles - 1);
    var sums: Sums;
    for (var y = first.y; y <= last.y; y++) {
        for (var x = first.x; x <= last.x; x++) {
            let tile = u32(y * tiles.x + x);
            let entry = entry_of(i, list_of(tile));
            if entry < lists[list_of(tile)] {
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
    let sums = sums_of(i);
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
