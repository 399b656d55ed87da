//! Says which adapter the examples, tests and benchmarks would run on, or what is missing.

use std::process::ExitCode;

use wgpu_optim::adapter::{DeviceLimits, request};

fn main() -> ExitCode {
    match pollster::block_on(request(DeviceLimits::Adapter)) {
        Ok(gpu) => {
            let limits = gpu.device.limits();
            println!("adapter: {} ({:?}, {} {})", gpu.info.name, gpu.info.backend, gpu.info.driver, gpu.info.driver_info);
            println!(
                "  {} storage buffers per shader, bindings of {} MiB",
                limits.max_storage_buffers_per_shader_stage,
                limits.max_storage_buffer_binding_size >> 20
            );
            // wgpu's OpenGL aborts the process when several threads have devices, as tests do. Who asks for it by name has his reasons.
            if gpu.info.backend == wgpu_optim::wgpu::Backend::Gl && std::env::var("WGPU_BACKEND").is_err() {
                eprintln!("that is OpenGL, on which only one thread may work; a Vulkan driver is missing");
                return ExitCode::FAILURE;
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
