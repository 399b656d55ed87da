// Scales of blocks: the largest magnitude of each, as bits, which have the order of the numbers where these are not negative.

// The least scale, 1e-12.
const LEAST_SCALE: u32 = 0x2b8cbcccu;

// The bits of the largest magnitude of four numbers, none of which is a NaN.
fn magnitude_of(x: vec4f) -> u32 {
    let bits = bitcast<vec4u>(x) & vec4u(0x7fffffffu);
    return max(max(bits.x, bits.y), max(bits.z, bits.w));
}
