// For each tile and each splat in its list, what the loss changes by: nine sums over each row of the tile, which an invocation adds up, four pixels at a
// time. `gather` adds up rows and tiles, in one order, so that the same inputs give the same bits. (Rows could be added here in shared memory: on
// llvmpipe, writing to it takes five times as long as all else that this kernel does.)
//
// From front to back as the forward pass goes, so the transmittances are the same. With colour C of the pixel, transmittance T before a splat, and R what the
// splats behind it add to C, C changes with the splat's alpha by T * color - R / (1 - alpha).

@group(0) @binding(0) var<storage, read> splats: array<Splat>;
@group(0) @binding(1) var<storage, read> lists: array<u32>;
@group(0) @binding(2) var<storage, read> image: array<vec4f>;
@group(0) @binding(3) var<storage, read> goal: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>; // Of each row of each tile, its part of the mean squared error.

// Four pixels of a row.
struct Four {
    x: vec4f,
    transmittance: vec4f,
    red: vec4f, // What the loss changes by with the pixel's red.
    green: vec4f,
    blue: vec4f,
    behind: vec4f, // What it changes by with the brightness of all that is not yet drawn.
}

fn four(pixel: u32, x: f32) -> Four {
    let scale = 2.0 / f32(3u * WIDTH * HEIGHT);
    var by: array<vec4f, 4>;
    for (var i = 0u; i < 4u; i++) {
        by[i] = scale * (image[pixel + i] - goal[pixel + i]);
    }
    let red = vec4f(by[0].x, by[1].x, by[2].x, by[3].x);
    let green = vec4f(by[0].y, by[1].y, by[2].y, by[3].y);
    let blue = vec4f(by[0].z, by[1].z, by[2].z, by[3].z);
    var behind: vec4f;
    for (var i = 0u; i < 4u; i++) {
        behind[i] = dot(by[i].xyz, image[pixel + i].xyz);
    }
    return Four(x + vec4f(0.5, 1.5, 2.5, 3.5), vec4f(1.0), red, green, blue, behind);
}

// The sums of one splat over four pixels, added to those of others; the pixels are then as behind it.
fn cover(pixels: ptr<function, Four>, splat: Splat, y: f32, sums: ptr<function, Sums>) {
    let x = (*pixels).x - splat.mean.x;
    let u = splat.inverse.x * x + splat.inverse.y * (y - splat.mean.y);
    let v = splat.inverse.z * x + splat.inverse.w * (y - splat.mean.y);
    let e = exp(-0.5 * (u * u + v * v));
    let bell = BELL * max(e - REST, vec4f());
    let alpha = splat.opacity * bell;
    let weight = (*pixels).transmittance * alpha;
    let shade = (*pixels).red * splat.color.x + (*pixels).green * splat.color.y + (*pixels).blue * splat.color.z;
    (*pixels).behind -= weight * shade;
    let by_alpha = (*pixels).transmittance * shade - (*pixels).behind / (1.0 - alpha);
    // By the square of the distance in standard deviations.
    let by_square = select(vec4f(), -0.5 * BELL * splat.opacity * by_alpha * e, e > vec4f(REST));
    (*pixels).transmittance *= 1.0 - alpha;
    (*sums).color += vec3f(dot(weight, (*pixels).red), dot(weight, (*pixels).green), dot(weight, (*pixels).blue));
    (*sums).opacity += dot(by_alpha, bell);
    let by_u = by_square * u;
    let by_v = by_square * v;
    (*sums).place += vec2f(dot(by_u, vec4f(1.0)), dot(by_v, vec4f(1.0)));
    (*sums).shape += vec3f(dot(by_u, u), dot(by_u, v), dot(by_v, v));
}

fn squared_error(pixels: Four) -> f32 {
    return dot(pixels.red, pixels.red) + dot(pixels.green, pixels.green) + dot(pixels.blue, pixels.blue);
}

fn put(at: u32, sums: Sums) {
    parts[at] = sums.color.x;
    parts[at + TILE] = sums.color.y;
    parts[at + 2u * TILE] = sums.color.z;
    parts[at + 3u * TILE] = sums.opacity;
    parts[at + 4u * TILE] = sums.place.x;
    parts[at + 5u * TILE] = sums.place.y;
    parts[at + 6u * TILE] = sums.shape.x;
    parts[at + 7u * TILE] = sums.shape.y;
    parts[at + 8u * TILE] = sums.shape.z;
}

@compute @workgroup_size(TILE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
    let row = local.x;
    let tile = group.y * (WIDTH / TILE) + group.x;
    let corner = group.xy * TILE;
    let pixel = (corner.y + row) * WIDTH + corner.x;
    var left = four(pixel, f32(corner.x));
    var right = four(pixel + 4u, f32(corner.x + 4u));
    let y = f32(corner.y + row) + 0.5;
    losses[tile * TILE + row] = (squared_error(left) + squared_error(right)) * 0.25 * f32(3u * WIDTH * HEIGHT);

    let start = list_of(tile);
    let length = lists[start];
    for (var entry = 0u; entry < length; entry++) {
        let splat = splats[lists[start + 1u + entry]];
        var sums: Sums;
        cover(&left, splat, y, &sums);
        cover(&right, splat, y, &sums);
        put(parts_of(tile, entry) + row, sums);
    }
}
