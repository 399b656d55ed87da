//! Fits a picture with two-dimensional Gaussian splats: forward and backward are this program's own WGSL, the update is the crate's.

mod clock;
mod density;
mod fit;
mod kernel;
#[path = "../train/random.rs"]
mod random;
mod raster;
mod scene;
mod splats;

use fit::*;
use std::error::Error;
use std::sync::Arc;
use wgpu_optim::adapter;

fn main() -> Result<(), Box<dyn Error>> {
    let gpu = pollster::block_on(adapter::request(adapter::DeviceLimits::Adapter))?;
    gpu.device.on_uncaptured_error(Arc::new(|error| {
        eprintln!("splats: {error}");
        std::process::exit(1);
    }));
    println!("{} {}", gpu.info.name, gpu.info.driver_info);
    let var = |n: &str, d: usize| std::env::var(n).map_or(d, |v| v.parse().unwrap());
    let size = [192, 128];
    let goal = Goal { size, pixels: scene::paint(size) };
    let recipe = Recipe { count: var("N", 600), steps: var("STEPS", 2000), cloned_until: var("UNTIL", 1400) };
    let mut fit = Fit::new(&gpu, &goal, recipe, recipe.count)?;
    fit.write(&splats::random(recipe.count, size, 1));
    save("/tmp/sc/before.ppm", &fit.image(false)?, size);
    while fit.log.losses.len() < recipe.steps {
        fit.block(|_| ())?;
        let n = fit.log.losses.len();
        let mse = fit.log.losses[n - 10..].iter().sum::<f32>() / 10.0;
        if n <= recipe.cloned_until { fit.change_density()?; }
        println!("{n} {:.2} dB  {} {:?} {:.2}s {:?}", decibels(mse as f64), fit.count(), fit.log.changes.last(), fit.log.seconds, fit.log.passes);
    }
    let after = fit.image(true)?;
    println!("plain {:.2} ema {:.2}", fit.psnr(&fit.image(false)?), fit.psnr(&after));
    save("/tmp/sc/after.ppm", &after, size);
    Ok(())
}

fn save(path: &str, image: &[[f32; 3]], [w, h]: [usize; 2]) {
    let k = 4;
    let mut o = format!("P6\n{} {}\n255\n", w * k, h * k).into_bytes();
    for y in 0..h * k {
        for x in 0..w * k {
            o.extend(image[y / k * w + x / k].map(|c| (c * 255.0).round() as u8));
        }
    }
    std::fs::write(path, o).unwrap();
}
