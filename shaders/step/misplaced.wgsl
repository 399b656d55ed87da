// Known when it is compiled where there is but one view.
fn in_view(s: Status) -> bool {
    return VIEWS && s.view != TRAINED;
}

// Whether the optimizer was changed between recording and now, or is still to be.
fn out_of_order() -> bool {
    return record[ORDER] != IN_ORDER;
}

// Whether steps and micro-batches have to leave everything as it is.
fn is_refused(s: Status) -> bool {
    return out_of_order() || in_view(s);
}

// Counts what came in a view that it does not fit, or out of order. The first one since a read-back told is the one to be told.
fn misplaced(before: Status, what: u32) -> Status {
    var after = before;
    if before.misplaced == before.told {
        after.what = what;
        after.shown = select(before.view, OUT_OF_ORDER + record[ORDER], out_of_order());
    }
    after.misplaced += 1u;
    return after;
}

// Counts what the host wrote since the last look, if it was in a view.
fn looked(before: Status) -> Status {
    var after = before;
    if out_of_order() {
        return after;
    }
    if before.written != 0u && in_view(before) {
        after = misplaced(before, WRITE);
    }
    after.written = 0u;
    return after;
}
