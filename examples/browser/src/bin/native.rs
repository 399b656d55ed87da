//! Trains without a browser and writes the values as JSON, for the test that compares them: `native OPTIMIZER STEPS`, as many
//! pairs as you like; or says whether there is an adapter: `native adapter`.

use wgpu_optim::adapter::{DeviceLimits, request};
use wgpu_optim::wgpu;
use wgpu_optim_browser::session::{Session, Settings};
use wgpu_optim_browser::{Failure, digits};

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let gpu = pollster::block_on(request(DeviceLimits::Limited(Box::default())))?;
    eprintln!("on {} ({})", gpu.info.name, gpu.info.backend);
    if arguments == ["adapter"] {
        return Ok(());
    }
    let (gpu, images) = (Box::leak(Box::new(gpu)), Box::leak(Box::new(digits()?)));
    let mut all = serde_json::Map::new();
    for pair in arguments.chunks(2) {
        let [optimizer, steps] = pair else { return Err("name an optimizer and a number of steps, as often as you like".into()) };
        let settings = Settings { optimizer: optimizer.clone(), lr: None, batch: 32, seed: 1 };
        let mut session = pollster::block_on(Session::new(gpu, images, &settings))?;
        let steps: usize = steps.parse()?;
        while session.steps() < steps || session.is_busy() {
            while session.submitted() < steps && session.submit(steps - session.submitted()) {}
            gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
            session.land()?;
        }
        all.insert(optimizer.clone(), pollster::block_on(session.reader().values())?.into());
    }
    println!("{}", serde_json::Value::Object(all));
    Ok(())
}
