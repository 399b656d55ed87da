// outputs = inputs * transpose(weight) + bias, then ReLU on hidden layers.

override INPUTS: u32;
override OUTPUTS: u32;
override RELU: bool;

@group(1) @binding(0) var<storage, read> inputs: array<vec4f>;
@group(1) @binding(1) var<storage, read> weight: array<vec4f>;
@group(1) @binding(2) var<storage, read> bias: array<f32>;
@group(1) @binding(3) var<storage, read_write> outputs: array<vec4f>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) tile: vec3u) {
    let quads = INPUTS / 4u;
    let columns = (OUTPUTS + 3u) / 4u;
    if tile.x >= columns || 4u * tile.y >= batch.size {
        return;
    }
    // Columns beyond the last repeat it; their results lie in the padding, where nobody reads them. So do rows beyond the batch.
    let output = min(4u * tile.x + vec4u(0u, 1u, 2u, 3u), vec4u(OUTPUTS - 1u));
    let w = output * quads;
    let x = (4u * tile.y + vec4u(0u, 1u, 2u, 3u)) * quads;
    let start = vec4f(bias[output.x], bias[output.y], bias[output.z], bias[output.w]);
    var rows = mat4x4f(start, start, start, start);
    for (var i = 0u; i < quads; i++) {
        let weights = mat4x4f(weight[w.x + i], weight[w.y + i], weight[w.z + i], weight[w.w + i]);
        rows += transpose(weights) * mat4x4f(inputs[x.x + i], inputs[x.y + i], inputs[x.z + i], inputs[x.w + i]);
    }
    for (var k = 0u; k < 4u; k++) {
        // `max(row, 0)` may turn NaN into 0 and so hide a run that diverged.
        let row = rows[k];
        let negative = vec4<bool>(RELU) & (row < vec4f(0.0));
        outputs[(4u * tile.y + k) * columns + tile.x] = select(row, vec4f(0.0), negative);
    }
}
