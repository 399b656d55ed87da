// Adds up how hard each splat's position was pulled, step by step: the length of its gradient.

@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> gradients: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> pulls: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x < count.x {
        pulls[id.x] += length(gradients[id.x]);
    }
}
