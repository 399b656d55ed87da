//! Which rows a second adapter has to run in every change: those whose numbers depend on it. All others run there too, but it takes half an hour.

use libtest_mimic::Trial;

/// Whether a row is chosen: by `SUITE=numerics` its numerics on an adapter, else all.
pub fn wanted() -> fn(&Trial) -> bool {
    match std::env::var("SUITE").as_deref() {
        Ok("numerics") => |trial| is_numeric(trial.name()),
        Ok("") | Err(_) => |_| true,
        Ok(other) => panic!("SUITE={other} is none; numerics is one"),
    }
}

fn is_numeric(name: &str) -> bool {
    let Some((device, row)) = name.split_once('/') else { return false };
    // Minutes of filling memory.
    if row.ends_with("a-hundred-million") {
        return false;
    }
    match device {
        // All that the adapter can: schedules, scalars, each rule as it is by default, clipping, norms, codes of 8 bits.
        "adapter" => {
            [
                "device",
                "schedules/",
                "scalars/",
                "constants/",
                "features/norms/",
                "checkpoints/of-another",
                "products/each/",
                "storage/codes/",
                "numbers/parity/AdamW/",
            ]
            .iter()
            .any(|begin| row.starts_with(begin))
                || (row.starts_with("parity/") && row.ends_with("/default/Tensors"))
                || (row.starts_with("features/attempts/") && ["clip", "norm", "scale", "largest"].iter().any(|word| row.contains(word)))
        }
        // Features, at the limits that every WebGPU device has.
        "webgpu" => {
            ["device", "schedules/", "features/frameworks/", "features/norms/"].iter().any(|begin| row.starts_with(begin))
                || (row.starts_with("features/") && !row.starts_with("features/pairs/") && row.ends_with("/Separate"))
        }
        _ => false,
    }
}
