// The batch's rows of the data set, by index: from one byte a pixel to f32.

override INPUTS: u32;
override SCALE: f32;

@group(1) @binding(0) var<storage, read> order: array<u32>;
@group(1) @binding(1) var<storage, read> pixels: array<u32>;
@group(1) @binding(2) var<storage, read_write> inputs: array<vec4f>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) tile: vec3u) {
    let quads = INPUTS / 4u;
    if tile.x >= quads {
        return;
    }
    for (var row = 4u * tile.y; row < min(4u * tile.y + 4u, batch.rows); row++) {
        let packed = pixels[order[batch.first + row] * quads + tile.x];
        inputs[row * quads + tile.x] = SCALE * vec4f(unpack4xU8(packed));
    }
}
