// Numbers of 16 bits, two in each word, as f32, and back: the network computes in f32, whatever the optimizer's values and gradients are.

override IS_F16: bool;

@group(0) @binding(0) var<storage, read_write> halves: array<u32>;
@group(0) @binding(1) var<storage, read_write> numbers: array<f32>;

// The word of an invocation, of workgroups in two dimensions.
fn word_of(id: vec3u, workgroups: vec3u) -> u32 {
    return id.y * workgroups.x * 64u + id.x;
}

@compute @workgroup_size(64)
fn unpack(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
    let at = word_of(id, workgroups);
    if at >= arrayLength(&halves) {
        return;
    }
    let word = halves[at];
    var both = bitcast<vec2f>(vec2u(word << 16u, word & 0xffff0000u));
    if IS_F16 {
        both = unpack2x16float(word);
    }
    numbers[2u * at] = both.x;
    if 2u * at + 1u < arrayLength(&numbers) {
        numbers[2u * at + 1u] = both.y;
    }
}

// To the nearest. A gradient that f16 cannot hold becomes infinite, which `NonFinite::Skip` would find.
@compute @workgroup_size(64)
fn pack(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
    let at = word_of(id, workgroups);
    if at >= arrayLength(&halves) {
        return;
    }
    let last = arrayLength(&numbers) - 1u;
    let both = vec2f(numbers[2u * at], numbers[min(2u * at + 1u, last)]);
    if IS_F16 {
        halves[at] = pack2x16float(both);
        return;
    }
    let bits = bitcast<vec2u>(both);
    let rounded = (bits + 0x7fffu + (bits >> vec2u(16u) & vec2u(1u))) >> vec2u(16u);
    halves[at] = rounded.x | rounded.y << 16u;
}
