// What all kernels know of the entries. An entry is a row of the parameter and a gradient row for it; its number is its place among the caller's.

// Those that there is no room for, or was none for when a list was made of them.
fn excess() -> u32 {
    let own = max(count[task.count_at], task.most) - task.most;
    if task.lost_at == NOWHERE {
        return own;
    }
    return own + count[task.lost_at];
}

// Those past the room for them do not count. Read-only, so that it is known to be the same for all invocations.
fn entry_count() -> u32 {
    return min(count[task.count_at], task.most);
}
