// Takes the next batch and moves the cursor past it: one invocation, before the columns are gathered.

@compute @workgroup_size(1)
fn main() {
    let next = batch_at(order, cursor);
    batch = next;
    cursor = cursor_after(order, next);
}
