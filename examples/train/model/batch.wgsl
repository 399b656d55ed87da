// Before every kernel, after the crate's `Batch`: which rows are worked on, and how work is cut. A step is one batch, or several that add
// their gradients. An invocation owns a tile of 4 x 4 elements, a `mat4x4f`: 8 loads of `vec4f` feed 64 multiplications, so tiles need no
// workgroup memory and no barrier. 8 x 8 invocations fill the vectors of a software adapter and two warps. Matrices are row-major, their
// rows padded to whole `vec4f`.

@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<uniform> steps: Steps;

// Rows of the batch's step: as many as in all steps but an epoch's last.
fn step_rows() -> u32 {
    return min(steps.rows, steps.all - batch.position / steps.rows * steps.rows);
}

// Whether batches of the same step came before.
fn adds() -> bool {
    return batch.position % steps.rows > 0u;
}

// Where the step's sums are.
fn slot() -> u32 {
    return steps.slot + batch.position / steps.rows;
}
