// Merges FAN sorted runs of entries into one. Each entry looks for its place by itself: as many are before it as are before it in each of the runs. Runs
// are in the order of the entries' numbers, so of equal keys those of earlier runs come first.

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    let end = entry_count();
    let number = workgroup.y * workgroups.x + workgroup.x;
    let turn = workgroups.y * workgroups.x * INVOCATIONS;
    let run = task.run;
    for (var i = number * INVOCATIONS + invocation; i < end; i += turn) {
        let own = i / run;
        let first = own / FAN * FAN;
        let key = keys[i];
        var place = first * run + i % run;
        for (var other = first; other < first + FAN; other++) {
            // Past the last entry, runs are empty.
            let start = min(other, end / run + 1u) * run;
            if other != own && start < end {
                place += before(key, start, min(start + run, end), other < own) - start;
            }
        }
        keys_after[place] = key;
        entries_after[place] = entries[i];
    }
}

// The first of the entries `start..end` that comes after this key, or where `past_equals` is false, not before it.
fn before(key: u32, start: u32, end: u32, past_equals: bool) -> u32 {
    var low = start;
    var high = end;
    while low < high {
        let middle = (low + high) / 2u;
        let other = keys[middle];
        if other < key || (past_equals && other == key) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}
