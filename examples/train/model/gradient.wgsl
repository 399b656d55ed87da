// The gradients of a layer: weight = transpose(deltas) * inputs, bias = the sum of deltas. A tile adds the batch's rows in their order.

override INPUTS: u32;
override OUTPUTS: u32;

@group(1) @binding(0) var<storage, read> inputs: array<vec4f>;
@group(1) @binding(1) var<storage, read> deltas: array<vec4f>;
@group(1) @binding(2) var<storage, read_write> weight_gradient: array<vec4f>;
@group(1) @binding(3) var<storage, read_write> bias_gradient: array<f32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) tile: vec3u) {
    let quads = INPUTS / 4u;
    let columns = (OUTPUTS + 3u) / 4u;
    if tile.x >= quads || tile.y >= columns {
        return;
    }
    var weight = mat4x4f();
    var bias = vec4f();
    for (var row = 0u; row < batch.size; row++) {
        let input = inputs[row * quads + tile.x];
        let delta = deltas[row * columns + tile.y];
        weight += mat4x4f(delta.x * input, delta.y * input, delta.z * input, delta.w * input);
        bias += delta;
    }
    for (var k = 0u; k < min(4u, OUTPUTS - 4u * tile.y); k++) {
        let output = 4u * tile.y + k;
        let at = output * quads + tile.x;
        weight_gradient[at] = weight[k] + select(vec4f(), weight_gradient[at], adds());
        if tile.x == 0u {
            bias_gradient[output] = bias[k] + select(0.0, bias_gradient[output], adds());
        }
    }
}
