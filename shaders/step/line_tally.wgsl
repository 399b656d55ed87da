// What a stage over rows or columns adds up over its slice: each workgroup leaves a part of it.
fn finish(line: Line, shape: Shape, invocation: u32) {
    let sum = gather(invocation, across_all(tallies(total, part)));
    if invocation == 0u {
        store_sums(line, shape, sum);
    }
}
