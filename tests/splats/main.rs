//! What `examples/splats` computes: its gradients against central differences of the formula in f64, and a resumed run against one without a stop.

#[path = "../../examples/splats/clock.rs"]
mod clock;
#[path = "../../examples/splats/density/mod.rs"]
mod density;
#[path = "../../examples/splats/fit.rs"]
mod fit;
#[path = "../../examples/splats/kernel.rs"]
mod kernel;
#[path = "../../examples/train/random.rs"]
#[allow(dead_code, reason = "not all of it is for this program")]
mod random;
#[path = "../../examples/splats/raster/mod.rs"]
mod raster;
#[path = "../../examples/splats/saved.rs"]
mod saved;
#[path = "../../examples/splats/scene/mod.rs"]
mod scene;
#[path = "../../examples/splats/splats.rs"]
mod splats;

mod gradients;
mod reference;
mod runs;

use std::io::Write;

use wgpu_optim::Error;
use wgpu_optim::adapter::{DeviceLimits, Gpu, request};

/// A device with no more than WebGPU's default limits. Without an adapter the test says so and passes, unless `REQUIRE_GPU=1`.
fn gpu(test: &str) -> Option<Gpu> {
    let required = std::env::var("REQUIRE_GPU").is_ok_and(|value| value == "1");
    match pollster::block_on(request(DeviceLimits::Limited(Box::default()))) {
        Ok(gpu) => Some(gpu),
        Err(error @ Error::NoAdapter { .. }) if !required => {
            #[expect(clippy::explicit_write, reason = "libtest does not show what a passing test prints with eprintln")]
            writeln!(std::io::stderr(), "test {test} ... ignored: {error}").unwrap();
            None
        }
        Err(error) => panic!("{error}"),
    }
}
