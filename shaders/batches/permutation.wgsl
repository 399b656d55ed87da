// The row at each place of an epoch, as a pure integer function of seed, epoch and place. Sources, measurements and twin:
// src/batches/permutation.rs.

const ROUNDS: u32 = 24u;
const GOLDEN: u32 = 0x9e3779b9u;

fn hash(x: u32) -> u32 {
    var h = x;
    h ^= h >> 16u;
    h *= 0x7feb352du;
    h ^= h >> 15u;
    h *= 0x846ca68bu;
    h ^= h >> 16u;
    return h;
}

fn epoch_key(seed: vec2u, epoch: u32) -> vec2u {
    let high = hash(hash(hash(seed.x) + seed.y) + epoch);
    let low = hash(hash(hash(seed.y ^ GOLDEN) + seed.x) + epoch);
    return vec2u(high, low);
}

fn feistel(key: vec2u, bits: u32, x: u32) -> u32 {
    let low_bits = (bits + 1u) / 2u;
    let high_mask = (1u << (bits - low_bits)) - 1u;
    let low_mask = (1u << low_bits) - 1u;
    var high = x >> low_bits;
    var low = x & low_mask;
    for (var round = 0u; round < ROUNDS; round += 2u) {
        high ^= hash(low ^ (key.x + (round + 1u) * GOLDEN)) & high_mask;
        low ^= hash(high ^ (key.y + (round + 2u) * GOLDEN)) & low_mask;
    }
    return (high << low_bits) | low;
}

fn permute(key: vec2u, rows: u32, place: u32) -> u32 {
    let bits = 32u - countLeadingZeros(rows - 1u);
    var row = feistel(key, bits, place);
    while row >= rows {
        row = feistel(key, bits, row);
    }
    return row;
}
