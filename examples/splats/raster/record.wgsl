// Adds up the rows' parts of the mean squared error, always in one order, and appends it to the log, whose first word is its length.

@group(0) @binding(0) var<storage, read> losses: array<f32>;
@group(0) @binding(1) var<storage, read_write> log: array<u32>;

const LANES = 64u;

var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_id) local: vec3u) {
    var sum = 0.0;
    for (var row = local.x; row < arrayLength(&losses); row += LANES) {
        sum += losses[row];
    }
    sums[local.x] = sum;
    workgroupBarrier();
    if local.x == 0u {
        sum = 0.0;
        for (var lane = 0u; lane < LANES; lane++) {
            sum += sums[lane];
        }
        log[0]++;
        log[log[0]] = bitcast<u32>(sum);
    }
}
