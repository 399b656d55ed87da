// Numbers in 8 bits: a code of a map, times the scale of a block. Twin: src/storage/dynamic8.rs. The map is looked up in the workgroup's memory.

var<workgroup> map_signed8: array<f32, 256>;

fn fill_signed8(invocation: u32) {
    for (var code = invocation; code < 256u; code += INVOCATIONS) {
        map_signed8[code] = maps[FIRST_signed8 + code];
    }
}

fn decoded_signed8(codes: vec4u, scale: f32) -> vec4f {
    return vec4f(map_signed8[codes.x], map_signed8[codes.y], map_signed8[codes.z], map_signed8[codes.w]) * scale;
}

// The code of the nearest of each, the upper one of two. What is above 0 without a sign is not 0, since it divides.
fn encoded_signed8(numbers: vec4f, scale: f32) -> vec4u {
    let x = storable(numbers);
    let y = x / scale;
    let cells = cells_of(abs(y), ZERO_signed8 == 0u);
    let near = clamp(select(ZERO_signed8 + cells, ZERO_signed8 - cells, y < vec4f(0.0)), vec4u(0u), vec4u(254u));
    let codes = vec4u(nearest_signed8(y.x, near.x), nearest_signed8(y.y, near.y), nearest_signed8(y.z, near.z), nearest_signed8(y.w, near.w));
    let above = (vec4u(0u) < bitcast<vec4u>(x)) & (bitcast<vec4u>(x) < vec4u(0x80000000u));
    return select(codes, max(codes, vec4u(1u)), above & vec4<bool>(ZERO_signed8 == 0u));
}

// The code of the nearest, which is this one or one beside it.
fn nearest_signed8(y: f32, near: u32) -> u32 {
    let below = select(near, near - 1u, map_signed8[near] > y && near > 0u);
    let low = map_signed8[below];
    return below + select(0u, 1u, y - low >= 0.5 * (map_signed8[below + 1u] - low));
}
