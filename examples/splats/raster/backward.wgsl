// For each tile and each splat in its list, what the loss changes by: nine sums over the tile's pixels. Each invocation has one row of the tile and adds
// up its pixels, four at a time; the rows' sums are added in shared memory, in one order, so that the same inputs give the same bits.
//
// From front to back as the forward pass goes, so the transmittances are the same. With colour C of the pixel, transmittance T before a splat, and R what the
// splats behind it add to C, C changes with the splat's alpha by T * color - R / (1 - alpha).

@group(0) @binding(0) var<storage, read> splats: array<Splat>;
@group(0) @binding(1) var<storage, read> lists: array<u32>;
@group(0) @binding(2) var<storage, read> image: array<vec4f>;
@group(0) @binding(3) var<storage, read> goal: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>; // Of each tile, its part of the mean squared error.

const BATCH = 16u; // Splats whose sums are put together at once.

var<workgroup> rows: array<f32, BATCH * SUMS * TILE>;

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

fn put(row: u32, entry: u32, sums: Sums) {
    var values = array(sums.color.x, sums.color.y, sums.color.z, sums.opacity, sums.place.x, sums.place.y, sums.shape.x, sums.shape.y, sums.shape.z);
    for (var i = 0u; i < SUMS; i++) {
        rows[(entry * SUMS + i) * TILE + row] = values[i];
    }
}

fn sum_of_rows(at: u32) -> f32 {
    var sum = 0.0;
    for (var row = 0u; row < TILE; row++) {
        sum += rows[at * TILE + row];
    }
    return sum;
}

@compute @workgroup_size(TILE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
    let row = local.x;
    let tile = group.y * (WIDTH / TILE) + group.x;
    let start = list_of(tile);
    let corner = group.xy * TILE;
    let pixel = (corner.y + row) * WIDTH + corner.x;
    var left = four(pixel, f32(corner.x));
    var right = four(pixel + 4u, f32(corner.x + 4u));
    let y = f32(corner.y + row) + 0.5;

    rows[row] = squared_error(left) + squared_error(right);
    workgroupBarrier();
    if row == 0u {
        losses[tile] = sum_of_rows(0u) * 0.25 * f32(3u * WIDTH * HEIGHT);
    }
    workgroupBarrier();

    let length = lists[start];
    for (var first = 0u; first < length; first += BATCH) {
        let here = min(BATCH, length - first);
        for (var entry = 0u; entry < here; entry++) {
            let splat = splats[lists[start + 1u + first + entry]];
            var sums: Sums;
            cover(&left, splat, y, &sums);
            cover(&right, splat, y, &sums);
            put(row, entry, sums);
        }
        workgroupBarrier();
        for (var i = row; i < here * SUMS; i += TILE) {
            parts[parts_of(tile, first) + i] = sum_of_rows(i);
        }
        workgroupBarrier();
    }
}
