// Makes of each splat's five parameters what the other kernels read, and marks the tiles that it may touch. Marks are bits, so the order in which they are
// set does not matter.

@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> positions: array<vec2f>;
@group(0) @binding(2) var<storage, read> scales: array<vec2f>;
@group(0) @binding(3) var<storage, read> angles: array<f32>;
@group(0) @binding(4) var<storage, read> colors: array<f32>;
@group(0) @binding(5) var<storage, read> opacities: array<f32>;
@group(0) @binding(6) var<storage, read_write> splats: array<Splat>;
@group(0) @binding(7) var<storage, read_write> marks: array<AtomicMark>;

// A mark, while its bits are set.
struct AtomicMark {
    bits: atomic<u32>,
    before: u32,
}

const HALF = 0.5 * f32(TILE - 1u); // From the middle of a tile to the centres of its outermost pixels.

fn projected(i: u32) -> Splat {
    let deviations = exp(scales[i]);
    let axis = vec2f(cos(angles[i]), sin(angles[i]));
    let across = vec2f(-axis.y, axis.x);
    var splat: Splat;
    splat.mean = positions[i];
    splat.reach = sqrt(CUT) * vec2f(length(deviations * vec2f(axis.x, across.x)), length(deviations * vec2f(axis.y, across.y)));
    splat.inverse = vec4f(axis / deviations.x, across / deviations.y);
    splat.color = vec3f(colors[3u * i], colors[3u * i + 1u], colors[3u * i + 2u]);
    splat.opacity = DENSEST / (1.0 + exp(-opacities[i]));
    return splat;
}

// Whether it reaches into the tile: along the splat's axes, the rectangle around the tile has a place that is near enough.
fn touches(splat: Splat, tile: vec2i) -> bool {
    let middle = vec2f(tile * i32(TILE)) + 0.5 * f32(TILE);
    let half = HALF * (abs(splat.inverse.xz) + abs(splat.inverse.yw));
    let nearest = max(abs(along_axes(splat, middle)) - half, vec2f());
    return dot(nearest, nearest) < CUT;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let i = id.x;
    if i >= count.x {
        return;
    }
    let splat = projected(i);
    splats[i] = splat;
    let tiles = tiles_of(splat);
    for (var y = tiles.y; y <= tiles.w; y++) {
        for (var x = tiles.x; x <= tiles.z; x++) {
            if touches(splat, vec2i(x, y)) {
                atomicOr(&marks[mark_of(u32(y) * (WIDTH / TILE) + u32(x), i)].bits, 1u << (i % 32u));
            }
        }
    }
}
