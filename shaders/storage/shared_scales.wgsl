// The scales of the blocks that a workgroup has at once, of which each has the magnitudes of as many invocations. What is largest does not depend on the order.

const TEAM: u32 = BLOCK / 4u;
const BLOCK_EIGHTHS: u32 = INVOCATIONS / 8u;

var<workgroup> block_magnitudes: array<u32, BLOCKED * INVOCATIONS>;
var<workgroup> block_eighths: array<u32, BLOCKED * BLOCK_EIGHTHS>;

fn scales_of(largest: ptr<function, array<u32, BLOCKED>>, invocation: u32) -> array<f32, BLOCKED> {
    for (var lane = 0u; lane < BLOCKED; lane++) {
        block_magnitudes[lane * INVOCATIONS + invocation] = largest[lane];
    }
    workgroupBarrier();
    if invocation % 8u == 0u {
        for (var lane = 0u; lane < BLOCKED; lane++) {
            var most = LEAST_SCALE;
            for (var k = 0u; k < 8u; k++) {
                most = max(most, block_magnitudes[lane * INVOCATIONS + invocation + k]);
            }
            block_eighths[lane * BLOCK_EIGHTHS + invocation / 8u] = most;
        }
    }
    // Whoever stores the scale of a block comes after all that have loaded it.
    storageBarrier();
    workgroupBarrier();
    var scales: array<f32, BLOCKED>;
    for (var lane = 0u; lane < BLOCKED; lane++) {
        let first = lane * BLOCK_EIGHTHS + invocation / TEAM * (TEAM / 8u);
        var most = LEAST_SCALE;
        for (var k = 0u; k < TEAM / 8u; k++) {
            most = max(most, block_eighths[first + k]);
        }
        scales[lane] = bitcast<f32>(most);
    }
    return scales;
}
