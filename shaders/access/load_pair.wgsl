// Four f32 of an array of two words each, of which other lanes have fewer bits for a number.
fn load_tensor(at: u32, left: u32) -> vec4f {
    return bitcast<vec4f>(vec4u(tensors[at / 2u], tensors[at / 2u + 1u]));
}
