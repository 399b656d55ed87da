// Runs: entries of one row, beside one another once they are sorted. `key_at(i)` is the key of the entry that is the i-th then.

const LONG: u32 = 0x10000u;

// 1 where a run begins, and LONG more where it has more than MANY entries.
fn begins(i: u32, end: u32) -> u32 {
    let key = key_at(i);
    if key == BAD {
        return 0u;
    }
    if i > 0u {
        if key_at(i - 1u) == key {
            return 0u;
        }
    }
    if end - i > MANY {
        return 1u + select(0u, LONG, key_at(i + MANY) == key);
    }
    return 1u;
}
