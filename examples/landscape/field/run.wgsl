// A run: where its two elements are in the buffers of values and gradients, which function it descends, and with how much noise.
struct Run { value: u32, gradient: u32, function: u32, noise: f32 }
