// What the kernels have in common: a splat as they read it, the tiles, and the lists of what touches each. `mod.rs` puts its TILE, ROOM and SUMS before this.

override WIDTH: u32; // Of the picture, in pixels, a multiple of TILE.
override HEIGHT: u32;
override CAPACITY: u32; // Splats that there is room for, a multiple of 32.

// A bell ends at three standard deviations: what it would be there is taken from all of it, so that it is continuous.
const CUT = 9.0;
const REST = 0.011108996538242306; // exp(-CUT / 2)
const BELL = 1.0 / (1.0 - REST); // Makes it 1 in the middle again.
const DENSEST = 0.99; // The highest opacity: something of what lies behind is always seen, and 1 - alpha can be divided by.

struct Splat {
    mean: vec2f,
    reach: vec2f, // How far it reaches to the sides and up and down.
    inverse: vec4f, // Two rows: from pixels to standard deviations along its own axes.
    color: vec3f,
    opacity: f32,
}

// Where a place lies in standard deviations along the splat's own axes.
fn along_axes(splat: Splat, place: vec2f) -> vec2f {
    let from_mean = place - splat.mean;
    return vec2f(dot(splat.inverse.xy, from_mean), dot(splat.inverse.zw, from_mean));
}

// Where a tile's list begins, with its length.
fn list_of(tile: u32) -> u32 {
    return tile * (ROOM + 1u);
}

// 32 splats that may touch a tile, or not.
struct Mark {
    bits: u32,
    before: u32, // How many of those with lower numbers may touch it.
}

// The first and the last tile that it may touch, both to the right and down; none if the last one is before the first.
fn tiles_of(splat: Splat) -> vec4i {
    let first = vec2i(floor((splat.mean - splat.reach) / f32(TILE)));
    let last = vec2i(floor((splat.mean + splat.reach) / f32(TILE)));
    return vec4i(max(first, vec2i()), min(last, vec2i(vec2u(WIDTH, HEIGHT) / TILE) - 1));
}

// Where it is said whether a tile may be touched by a splat.
fn mark_of(tile: u32, splat: u32) -> u32 {
    return (tile * CAPACITY + splat) / 32u;
}
