// One workgroup decides about a change of view: what is shown from now on, and what each parameter's rows have to do. Twin: src/step/view.rs.

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) invocation: u32) {
    let before = status;
    let view = before.view;
    let wanted = wish[0];
    let next = select(after(view, wanted), view, out_of_order());
    // All have read before the first one writes.
    storageBarrier();
    if invocation == 0u {
        status = changed(before, wanted, next);
        record[VIEW] = next;
    }
    for (var i = invocation; i < arrayLength(&parameters); i += INVOCATIONS) {
        let at = parameters[i].record;
        var change = KEEP;
        if next != view && next == TRAINED {
            change = record[at + SHOWN];
            record[at + SHOWN] = KEEP;
        } else if next != view {
            change = way(wish[1u + parameters[i].rule] != 0u, record[at + STEP], next);
            record[at + SHOWN] = select(change, EXCHANGE + AVERAGES, change == EVALUATE);
        }
        record[at + IS_ACTIVE] = change;
    }
}

fn changed(before: Status, wanted: u32, next: u32) -> Status {
    var after = looked(before);
    if out_of_order() || (next == before.view && wanted != before.view && wanted != TRAINED) {
        after = misplaced(after, CHANGE + wanted);
    }
    after.view = next;
    return after;
}

// What is shown after `wanted` was asked for; what is refused leaves it.
fn after(view: u32, wanted: u32) -> u32 {
    if view == TRAINED || wanted == TRAINED {
        return wanted;
    }
    return select(view, TRAINED, view == wanted && view != EVALUATED);
}

// How a parameter that has taken so many steps gets there.
fn way(has_own: bool, step: u32, view: u32) -> u32 {
    if view == EVALUATED && has_own {
        return select(KEEP, EVALUATE, step != 0u);
    }
    let index = select(view - SWAPPED, EVALUATED_AVERAGE, view == EVALUATED);
    if index >= AVERAGES {
        return KEEP;
    }
    let average = load_average(AVERAGE_WORDS + index * AVERAGE_SIZE);
    let first = select(average.start, 1u, average.kind == LOOKAHEAD);
    return select(KEEP, EXCHANGE + index, step >= first);
}
