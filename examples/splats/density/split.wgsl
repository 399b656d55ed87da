// After the rows have changed: a splat and its clone move apart along their longer axis, shorter there, so that both together have the mean and the variance
// that the one had; and each is more transparent, so that where they overlap they cover as much as it did (Rota Bulo et al., arXiv 2404.06109, equation 9).

@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read> angles: array<f32>;
@group(0) @binding(3) var<storage, read_write> positions: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> scales: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> opacities: array<f32>;

override FRESH: u32; // The mark of a clone.

const APART = 0.6; // In standard deviations, to either side.
const SHORTER = 0.8; // sqrt(1 - APART * APART)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let i = id.x;
    if i >= count.x {
        return;
    }
    let is_clone = (index[i] & FRESH) != 0u;
    let has_clone = i + 1u < count.x && (index[min(i + 1u, count.x - 1u)] & FRESH) != 0u;
    if !is_clone && !has_clone {
        return;
    }
    let axis = vec2f(cos(angles[i]), sin(angles[i]));
    let deviations = exp(scales[i]);
    let is_wide = deviations.x >= deviations.y;
    let longer = select(deviations.y * vec2f(-axis.y, axis.x), deviations.x * axis, is_wide);
    positions[i] += select(APART, -APART, is_clone) * longer;
    scales[i] += log(SHORTER) * select(vec2f(0.0, 1.0), vec2f(1.0, 0.0), is_wide);
    // With opacity p, the other one is 1 - sqrt(1 - p); 1 - p is the sigmoid of minus the logit.
    let clear = sqrt(1.0 / (1.0 + exp(opacities[i])));
    opacities[i] = log((1.0 - clear) / clear);
}
