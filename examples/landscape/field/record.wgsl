// Appends the point where each run is to its trail. The count of steps lies beside it, one per run, so no invocation waits for another and
// nothing is uploaded between steps.

@group(0) @binding(0) var<storage, read> runs: array<Run>;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> steps: array<u32>;
@group(0) @binding(3) var<storage, read_write> trails: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= arrayLength(&runs) {
        return;
    }
    let run = runs[id.x];
    let step = steps[id.x];
    trails[step * arrayLength(&runs) + id.x] = vec2f(values[run.value], values[run.value + 1u]);
    steps[id.x] = step + 1u;
}
