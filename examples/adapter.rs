//! Says which adapter the examples, tests and benchmarks would run on, or what is missing.

use std::process::ExitCode;

use wgpu_optim::adapter::{Allowance, request};

fn main() -> ExitCode {
    match pollster::block_on(request(Allowance::Adapter)) {
        Ok(gpu) => {
            let limits = gpu.device.limits();
            println!("adapter: {} ({:?}, {} {})", gpu.info.name, gpu.info.backend, gpu.info.driver, gpu.info.driver_info);
            println!(
                "  {} storage buffers per shader, bindings of {} MiB",
                limits.max_storage_buffers_per_shader_stage,
                limits.max_storage_buffer_binding_size >> 20
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
