// u8, four to a word, the first in the lowest bits: each byte's f32 comes from a table, since WGSL leaves open whether `x * scale + offset`
// rounds once or twice.

fn load(at: u32) -> u32 {
    let byte = extractBits(source[at / 4u], 8u * (at % 4u), 8u);
    return table[byte];
}
