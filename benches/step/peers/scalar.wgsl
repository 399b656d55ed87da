// AdamW as it is written by hand: one element an invocation, one tensor a dispatch.
struct Settings {
    lr: f32,
    beta1: f32,
    beta2: f32,
    eps: f32,
    weight_decay: f32,
    correction1: f32,
    correction2: f32,
    n: u32,
}

@group(0) @binding(0) var<uniform> u: Settings;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read> gradients: array<f32>;
@group(0) @binding(3) var<storage, read_write> m: array<f32>;
@group(0) @binding(4) var<storage, read_write> v: array<f32>;

override SIZE: u32 = 64u;

@compute @workgroup_size(SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
    let i = id.y * workgroups.x * SIZE + id.x;
    if i >= u.n {
        return;
    }
    let g = gradients[i];
    let p = values[i];
    m[i] = u.beta1 * m[i] + (1.0 - u.beta1) * g;
    v[i] = u.beta2 * v[i] + (1.0 - u.beta2) * g * g;
    let m_hat = m[i] / u.correction1;
    let v_hat = v[i] / u.correction2;
    values[i] = p - u.lr * (m_hat / (sqrt(v_hat) + u.eps) + u.weight_decay * p);
}
