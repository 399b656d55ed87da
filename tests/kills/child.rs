//! The child process, which saves until it is killed, and what it saves.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use wgpu_optim::checkpoint::Checkpoint;
use wgpu_optim::{Adam, cpu::CpuOptimizer};

/// Elements of each of the three tensors: 3 MB together, so that a write takes a while.
const ELEMENTS: usize = 1 << 18;
const TENSORS: [&str; 3] = ["w/value", "w/exp_avg", "w/exp_avg_sq"];
const NUMBER: &str = "number";

/// Saves one checkpoint after the other into one file, and says the number of each that is saved, a line each.
pub fn run(path: &Path, from: u32, plain: bool) -> Result<(), Box<dyn Error>> {
    for number in from.. {
        let checkpoint = of(number)?;
        match plain {
            true => std::fs::write(path, checkpoint.to_bytes()?)?,
            false => checkpoint.save(path)?,
        }
        writeln!(io::stdout(), "{number}")?;
        io::stdout().flush()?;
    }
    Ok(())
}

/// The checkpoint of a number: every element follows from it.
fn of(number: u32) -> Result<Checkpoint, Box<dyn Error>> {
    let mut optimizer = CpuOptimizer::<f32>::new(Adam::default(), [("w", ELEMENTS)])?;
    let data = |tensor| (0..ELEMENTS).map(|index| element(number, tensor, index)).collect::<Vec<f32>>();
    optimizer.state_mut("w", "m")?.copy_from_slice(&data(1));
    optimizer.state_mut("w", "v")?.copy_from_slice(&data(2));
    let mut checkpoint = optimizer.checkpoint(Some(&[&data(0)]))?;
    checkpoint.set_note(NUMBER, number.to_string());
    Ok(checkpoint)
}

/// The number of a checkpoint, all of whose elements are those of this number.
pub fn number(checkpoint: &Checkpoint) -> Result<u32, Box<dyn Error>> {
    let number: u32 = checkpoint.note(NUMBER).ok_or("it has no number")?.parse()?;
    for (tensor, name) in TENSORS.into_iter().enumerate() {
        let data = checkpoint.tensor(name)?;
        let wrong = (0..ELEMENTS).find(|&index| data.get(index) != Some(&element(number, tensor, index)));
        if let Some(index) = wrong {
            return Err(format!("it is number {number}, and element {index} of {name} is {:?}", data.get(index)).into());
        }
        if data.len() != ELEMENTS {
            return Err(format!("{name} has {} elements instead of {ELEMENTS}", data.len()).into());
        }
    }
    Ok(number)
}

/// Any function of the three that f32 holds; the multipliers are odd.
fn element(number: u32, tensor: usize, index: usize) -> f32 {
    let bits = number.wrapping_mul(0x9e37_79b1) ^ (index as u32).wrapping_mul(0x85eb_ca6b) ^ (tensor as u32 + 1).wrapping_mul(0xc2b2_ae35);
    (bits >> 8) as f32
}
