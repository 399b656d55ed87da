// Decides which splats go and which become two, and writes the index that the optimizer changes rows by: for each splat that there will be, the one
// that it is now. A clone stands right behind its original, since the order is the depth, and is marked: its state begins at zero.
//
// One workgroup: each invocation has a stretch of the splats, and what comes before its own is the sum over the invocations before it.

@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> scales: array<vec2f>;
@group(0) @binding(2) var<storage, read> opacities: array<f32>;
@group(0) @binding(3) var<storage, read> pulls: array<f32>;
@group(0) @binding(4) var<storage, read_write> index: array<u32>;
@group(0) @binding(5) var<storage, read_write> planned: array<u32>; // How many there will be, and how many went and were cloned.

override CAPACITY: u32;
override HARD: f32; // A splat that was pulled harder becomes two.
override FRESH: u32; // The mark of a clone.
override FAINTEST: f32; // The logit of the least opacity.
override SMALLEST: f32; // The logarithm of the least standard deviation, in pixels.

const LANES = 64u;

var<workgroup> kept: array<u32, LANES>;
var<workgroup> wished: array<u32, LANES>;

fn stays(i: u32) -> bool {
    return opacities[i] > FAINTEST && min(scales[i].x, scales[i].y) > SMALLEST;
}

fn is_pulled(i: u32) -> bool {
    return pulls[i] > HARD;
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_id) local: vec3u) {
    let lane = local.x;
    let stretch = (count.x + LANES - 1u) / LANES;
    let first = min(lane * stretch, count.x);
    let end = min(first + stretch, count.x);
    for (var i = first; i < end; i++) {
        kept[lane] += u32(stays(i));
        wished[lane] += u32(stays(i) && is_pulled(i));
    }
    workgroupBarrier();
    var all_kept = 0u;
    var all_wished = 0u;
    var at = 0u;
    var clones = 0u; // Wishes so far, whether there is room for them or not.
    for (var other = 0u; other < LANES; other++) {
        if other == lane {
            at = all_kept;
            clones = all_wished;
        }
        all_kept += kept[other];
        all_wished += wished[other];
    }
    let room = CAPACITY - all_kept;
    at += min(clones, room);
    for (var i = first; i < end; i++) {
        if !stays(i) {
            continue;
        }
        index[at] = i;
        at++;
        if is_pulled(i) {
            if clones < room {
                index[at] = i | FRESH;
                at++;
            }
            clones++;
        }
    }
    if lane == 0u {
        planned[0] = all_kept + min(all_wished, room);
        planned[1] = count.x - all_kept;
        planned[2] = min(all_wished, room);
    }
}
