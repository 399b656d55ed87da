// Known when it is compiled where there is but one view.
fn in_view(s: Status) -> bool {
    return VIEWS && s.view != TRAINED;
}

// Counts what came in a view that it does not fit. The first one since a read-back told is the one to be told.
fn misplaced(before: Status, what: u32) -> Status {
    var after = before;
    if before.misplaced == before.told {
        after.what = what;
        after.shown = before.view;
    }
    after.misplaced += 1u;
    return after;
}

// Counts what the host wrote since the last look, if it was in a view.
fn looked(before: Status) -> Status {
    var after = before;
    if before.written != 0u && in_view(before) {
        after = misplaced(before, WRITE);
    }
    after.written = 0u;
    return after;
}
