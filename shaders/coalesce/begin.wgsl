// Says where the entries of a micro-batch go in the list of those of several, and how many of them there is room for. Where that is not the step's own, it
// counts them as kept, unless it was refused or its parameter was not active. A step keeps none: whether it takes place is decided later.

@compute @workgroup_size(1)
fn main() {
    list[TAKEN] = 0u;
    var before = record[task.record + PENDING];
    if !IS_STEP {
        let counted = record[task.record + USED];
        if record[VIEW] != TRAINED || record[ORDER] != IN_ORDER || counted == 0u {
            return;
        }
        before = counted - 1u;
    }
    // The first one of a step begins the list anew.
    let kept = select(min(list[KEPT], task.room), 0u, before == 0u);
    let lost = select(list[KEPT_LOST], 0u, before == 0u);
    let given = count[task.count_at];
    let taken = min(min(given, task.most), task.room - kept);
    // No more than can be counted.
    let all_lost = max(lost, lost + (given - taken));
    list[BASE] = kept;
    list[TAKEN] = taken;
    list[COUNT] = kept + taken;
    list[LOST] = all_lost;
    if !IS_STEP {
        list[KEPT] = kept + taken;
        list[KEPT_LOST] = all_lost;
    }
}
