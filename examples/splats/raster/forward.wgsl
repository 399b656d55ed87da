// Draws: each pixel is covered by its tile's splats from front to back, on black.

@group(0) @binding(0) var<storage, read> splats: array<Splat>;
@group(0) @binding(1) var<storage, read> lists: array<u32>;
@group(0) @binding(2) var<storage, read_write> image: array<vec4f>;

@compute @workgroup_size(TILE, TILE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
    let start = list_of(group.y * (WIDTH / TILE) + group.x);
    let pixel = group.xy * TILE + local.xy;
    let place = vec2f(pixel) + 0.5;
    let length = lists[start];
    var color = vec3f();
    var transmittance = 1.0;
    for (var k = 1u; k <= length; k++) {
        let splat = splats[lists[start + k]];
        let at = along_axes(splat, place);
        let alpha = splat.opacity * BELL * max(exp(-0.5 * dot(at, at)) - REST, 0.0);
        color += transmittance * alpha * splat.color;
        transmittance *= 1.0 - alpha;
    }
    image[pixel.y * WIDTH + pixel.x] = vec4f(color, transmittance);
}
