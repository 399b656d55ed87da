// Every run's gradient at the point where it is, one invocation each.

override SEED: u32;

// A uniform number in -1..1 has the variance 1/3.
const ROOT3: f32 = 1.7320508;

@group(0) @binding(0) var<storage, read> runs: array<Run>;
@group(0) @binding(1) var<storage, read> steps: array<u32>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradients: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= arrayLength(&runs) {
        return;
    }
    let run = runs[id.x];
    let p = vec2f(values[run.value], values[run.value + 1u]);
    let element = 2u * id.x;
    let noise = vec2f(uniform_noise(SEED, steps[id.x], element), uniform_noise(SEED, steps[id.x], element + 1u));
    let g = gradient(run.function, p) + run.noise * ROOT3 * noise;
    gradients[run.gradient] = g.x;
    gradients[run.gradient + 1u] = g.y;
}
