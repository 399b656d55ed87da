// After the rows have changed: a splat and its clone move apart along their longer axis, shorter there, so that both together have the mean and the variance
// that the one had; and each is more transparent, so that where they overlap they cover as much as it did (Rota Bulo et al., arXiv 2404.06109, equation 9).

@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read> angles: array<f32>;
@group(0) @binding(3) var<storage, read_write> positions: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> scales: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> opacities: array<f32>;

// The optimizer's averages of these, which go along: those of a clone are its original's so far.
@group(0) @binding(6) var<storage, read_write> average_positions: array<vec2f>;
@group(0) @binding(7) var<storage, read_write> average_scales: array<vec2f>;
@group(0) @binding(8) var<storage, read_write> average_opacities: array<f32>;

override FRESH: u32; // The mark of a clone.

const APART = 0.6; // In standard deviations, to either side.
const SHORTER = 0.8; // sqrt(1 - APART * APART)

// The logit of 1 - sqrt(1 - p), for that of an opacity p; 1 - p is the sigmoid of minus its logit.
fn halved(logit: f32) -> f32 {
    let clear = inverseSqrt(1.0 + exp(logit));
    return log((1.0 - clear) / clear);
}

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
    let apart = select(APART, -APART, is_clone) * longer;
    let shorter = log(SHORTER) * select(vec2f(0.0, 1.0), vec2f(1.0, 0.0), is_wide);
    positions[i] += apart;
    average_positions[i] += apart;
    scales[i] += shorter;
    average_scales[i] += shorter;
    opacities[i] = halved(opacities[i]);
    average_opacities[i] = halved(average_opacities[i]);
}
