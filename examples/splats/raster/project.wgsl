// Makes of each splat's five parameters what the other kernels read.

@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> positions: array<vec2f>;
@group(0) @binding(2) var<storage, read> scales: array<vec2f>;
@group(0) @binding(3) var<storage, read> angles: array<f32>;
@group(0) @binding(4) var<storage, read> colors: array<f32>;
@group(0) @binding(5) var<storage, read> opacities: array<f32>;
@group(0) @binding(6) var<storage, read_write> splats: array<Splat>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let i = id.x;
    if i >= count.x {
        return;
    }
    let deviations = exp(scales[i]);
    let axis = vec2f(cos(angles[i]), sin(angles[i]));
    let across = vec2f(-axis.y, axis.x);
    var splat: Splat;
    splat.mean = positions[i];
    splat.reach = sqrt(CUT) * vec2f(length(deviations * vec2f(axis.x, across.x)), length(deviations * vec2f(axis.y, across.y)));
    splat.inverse = vec4f(axis / deviations.x, across / deviations.y);
    splat.color = vec3f(colors[3u * i], colors[3u * i + 1u], colors[3u * i + 2u]);
    splat.opacity = DENSEST / (1.0 + exp(-opacities[i]));
    splats[i] = splat;
}
