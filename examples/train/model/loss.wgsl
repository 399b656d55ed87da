// Softmax cross-entropy of every row, the gradient of its mean over the step by the logits, the class of each row, and the sums for the
// report. One workgroup: an invocation takes every 64th row, then a tree joins the invocations, so the order of the sum is fixed.

override CLASSES: u32;

const INVOCATIONS: u32 = 64u;

struct Stats { loss: f32, correct: u32 }

@group(1) @binding(0) var<storage, read> labels: array<u32>;
@group(1) @binding(1) var<storage, read> logits: array<f32>;
@group(1) @binding(2) var<storage, read_write> deltas: array<f32>;
@group(1) @binding(3) var<storage, read_write> stats: array<Stats>;
@group(1) @binding(4) var<storage, read_write> classes: array<u32>;

var<workgroup> partial: array<Stats, INVOCATIONS>;

fn sum(a: Stats, b: Stats) -> Stats {
    return Stats(a.loss + b.loss, a.correct + b.correct);
}

fn row_stats(row: u32) -> Stats {
    let at = row * ((CLASSES + 3u) / 4u * 4u);
    let label = labels[row];
    var best = 0u;
    for (var c = 1u; c < CLASSES; c++) {
        best = select(best, c, logits[at + c] > logits[at + best]);
    }
    classes[batch.position + row] = best;
    let highest = logits[at + best];
    var total = 0.0;
    for (var c = 0u; c < CLASSES; c++) {
        total += exp(logits[at + c] - highest);
    }
    for (var c = 0u; c < CLASSES; c++) {
        let probability = exp(logits[at + c] - highest) / total;
        deltas[at + c] = (probability - f32(c == label)) / f32(step_rows());
    }
    return Stats(log(total) + (highest - logits[at + label]), u32(best == label));
}

@compute @workgroup_size(8, 8)
fn main(@builtin(local_invocation_index) invocation: u32) {
    var own = Stats(0.0, 0u);
    for (var row = invocation; row < batch.size; row += INVOCATIONS) {
        own = sum(own, row_stats(row));
    }
    partial[invocation] = own;
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if invocation < half {
            partial[invocation] = sum(partial[invocation], partial[invocation + half]);
        }
    }
    if invocation == 0u {
        stats[slot()] = sum(stats[slot()], partial[0]);
    }
}
