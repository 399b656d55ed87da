// What the backward pass sums for each splat in each row of each tile.

// SUMS numbers.
struct Sums {
    color: vec3f, // By the colour.
    opacity: f32, // By the opacity.
    place: vec2f, // By the square of the distance in standard deviations, times either coordinate,
    shape: vec3f, // and times their products.
}

// Where the sums of an entry of a tile's list begin: of each number those of all rows.
fn parts_of(tile: u32, entry: u32) -> u32 {
    return (tile * ROOM + entry) * SUMS * TILE;
}
