// Draws: each pixel is covered by its tile's splats from front to back, on black. Each invocation has a row of a tile, so that what is read of a splat
// serves eight pixels.

@group(0) @binding(0) var<storage, read> splats: array<Splat>;
@group(0) @binding(1) var<storage, read> lists: array<u32>;
@group(0) @binding(2) var<storage, read_write> image: array<vec4f>;

// Four pixels of a row.
struct Four {
    x: vec4f,
    red: vec4f,
    green: vec4f,
    blue: vec4f,
    transmittance: vec4f,
}

fn four(x: f32) -> Four {
    return Four(x + vec4f(0.5, 1.5, 2.5, 3.5), vec4f(), vec4f(), vec4f(), vec4f(1.0));
}

fn cover(pixels: ptr<function, Four>, splat: Splat, y: f32) {
    let x = (*pixels).x - splat.mean.x;
    let u = splat.inverse.x * x + splat.inverse.y * (y - splat.mean.y);
    let v = splat.inverse.z * x + splat.inverse.w * (y - splat.mean.y);
    let alpha = splat.opacity * BELL * max(exp(-0.5 * (u * u + v * v)) - REST, vec4f());
    let weight = (*pixels).transmittance * alpha;
    (*pixels).red += weight * splat.color.x;
    (*pixels).green += weight * splat.color.y;
    (*pixels).blue += weight * splat.color.z;
    (*pixels).transmittance *= 1.0 - alpha;
}

fn show(pixels: Four, pixel: u32) {
    for (var i = 0u; i < 4u; i++) {
        image[pixel + i] = vec4f(pixels.red[i], pixels.green[i], pixels.blue[i], pixels.transmittance[i]);
    }
}

@compute @workgroup_size(TILE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
    let start = list_of(group.y * (WIDTH / TILE) + group.x);
    let corner = group.xy * TILE;
    let y = f32(corner.y + local.x) + 0.5;
    var left = four(f32(corner.x));
    var right = four(f32(corner.x + 4u));
    let length = lists[start];
    for (var k = 1u; k <= length; k++) {
        let splat = splats[lists[start + k]];
        cover(&left, splat, y);
        cover(&right, splat, y);
    }
    let pixel = (corner.y + local.x) * WIDTH + corner.x;
    show(left, pixel);
    show(right, pixel + 4u);
}
