// An element at a time.
const RUN: u32 = 1u;

fn visit(own: MoveTask, i: u32, count: u32, row: u32, column: u32) {
    visit_one(own, i, row, column);
}
