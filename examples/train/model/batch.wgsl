// Before every kernel: which rows of the data set the batch is, and how work is cut. An invocation owns a tile of 4 x 4 elements, a
// `mat4x4f`: 8 loads of `vec4f` feed 64 multiplications, so tiles need no workgroup memory and no barrier.
// 8 x 8 invocations fill the vectors of a software adapter and two warps. Matrices are row-major, their rows padded to whole `vec4f`.

struct Batch { first: u32, rows: u32, slot: u32 }

@group(0) @binding(0) var<uniform> batch: Batch;
