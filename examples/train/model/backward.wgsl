// The gradient by a hidden layer's outputs, through the layer above (`weight`) and the ReLU: deltas * weight where hidden > 0.

override INPUTS: u32;
override OUTPUTS: u32;

@group(1) @binding(0) var<storage, read> deltas: array<f32>;
@group(1) @binding(1) var<storage, read> weight: array<vec4f>;
@group(1) @binding(2) var<storage, read> hidden: array<vec4f>;
@group(1) @binding(3) var<storage, read_write> hidden_deltas: array<vec4f>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) tile: vec3u) {
    let quads = INPUTS / 4u;
    if tile.x >= quads || 4u * tile.y >= batch.size {
        return;
    }
    let d = (4u * tile.y + vec4u(0u, 1u, 2u, 3u)) * ((OUTPUTS + 3u) / 4u * 4u);
    var rows = mat4x4f();
    for (var o = 0u; o < OUTPUTS; o++) {
        let w = weight[o * quads + tile.x];
        rows += mat4x4f(deltas[d.x + o] * w, deltas[d.y + o] * w, deltas[d.z + o] * w, deltas[d.w + o] * w);
    }
    for (var k = 0u; k < 4u; k++) {
        let at = (4u * tile.y + k) * quads + tile.x;
        hidden_deltas[at] = select(vec4f(0.0), rows[k], hidden[at] > vec4f(0.0));
    }
}
