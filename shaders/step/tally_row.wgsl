// What a row of a tile adds up is after what its columns do.

fn store_row(row: Row, sum: u32, k: u32, is_in_band: bool, x: f32) {
    if is_in_band {
        let vectors = (row.width + 3u) / 4u;
        let at = row.tile + 4u * (COLUMN_SUMS * vectors + sum * ((row.height + 3u) / 4u)) + k;
        tiles[at / 4u][at % 4u] = x;
    }
}
