//! What `summary.json` has: where the benchmarks ran, and everything that was measured, in order.

use std::fs;

use serde::Serialize;
use wgpu_optim::adapter::Gpu;

use super::row::{Figure, Open, Row};
use crate::measure::Pace;

/// Everything that was measured, in order.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub adapter: Adapter,
    date: Option<String>,
    cores: usize,
    /// Processes that ran or waited for a core in the minute before, where the system says so: others make times longer, and ratios less certain.
    load: Option<f64>,
    /// How contenders came to their turns, which says what `figure_seconds` are: GPU time if hot, wall time if rested.
    pub pace: Pace,
    smoke: bool,
    pub rows: Vec<Row>,
    pub figures: Vec<Figure>,
    pub open: Vec<Open>,
}

/// Where it ran.
#[derive(Debug, Serialize)]
pub struct Adapter {
    pub name: String,
    backend: String,
    driver: String,
    pub driver_info: String,
    kind: String,
    timestamps: bool,
    max_storage_buffer_binding_size: u64,
    max_buffer_size: u64,
}

impl Summary {
    /// Nothing measured yet.
    pub fn new(gpu: &Gpu, pace: Pace, date: Option<String>, smoke: bool) -> Self {
        let (info, limits) = (&gpu.info, gpu.device.limits());
        let adapter = Adapter {
            name: info.name.clone(),
            backend: format!("{:?}", info.backend),
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
            kind: format!("{:?}", info.device_type),
            timestamps: gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY),
            max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
            max_buffer_size: limits.max_buffer_size,
        };
        let load = fs::read_to_string("/proc/loadavg").ok().and_then(|text| text.split(' ').next()?.parse().ok());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Summary { adapter, date, cores, load, pace, smoke, rows: Vec::new(), figures: Vec::new(), open: Vec::new() }
    }

    /// The adapter, for people.
    pub fn adapter_line(&self) -> String {
        let Adapter { name, backend, driver, driver_info, .. } = &self.adapter;
        format!("adapter: {name} ({backend}, {driver} {driver_info})")
    }
}
