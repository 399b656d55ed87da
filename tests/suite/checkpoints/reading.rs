//! Reads bytes as a checkpoint, and holds what must hold of any bytes.

use wgpu_optim::Error;
use wgpu_optim::checkpoint::{Checkpoint, RestoreOptions};

use super::taken_apart::optimizer;
use crate::context::Outcome;

/// The most memory in use at a time while bytes are read, in multiples of these.
const MEMORY: u64 = 8;
/// For messages, and what small tables take at least.
const MEMORY_OF_ANY: u64 = 16 << 10;

/// What bytes give, by way of all that must hold of any bytes.
pub fn read(bytes: &[u8]) -> Result<Checkpoint, String> {
    read_within(MEMORY, bytes)
}

/// With so much memory in use, in multiples of the bytes.
pub fn read_within(most: u64, bytes: &[u8]) -> Result<Checkpoint, String> {
    let mut result = None;
    let used = allocation_counter::measure(|| result = Some(Checkpoint::from_bytes(bytes))).bytes_max;
    assert!(used <= most * bytes.len() as u64 + MEMORY_OF_ANY, "{used} bytes are in use for a file of {}", bytes.len());
    match result.unwrap_or_else(|| panic!("it was measured")) {
        Ok(checkpoint) => {
            // It is whole: it can be written, read and compared.
            let again = checkpoint.to_bytes().unwrap_or_else(|error| panic!("{error}"));
            let same = Checkpoint::from_bytes(&again).and_then(|checkpoint| checkpoint.to_bytes());
            assert!(same.as_ref() == Ok(&again), "it cannot be read again: {same:?}");
            let restored = optimizer().and_then(|mut optimizer| {
                optimizer.restore(&checkpoint, Some(&mut [&mut [0.0; 6], &mut [0.0; 3], &mut [0.0; 4]]), RestoreOptions::default())
            });
            assert!(matches!(restored, Ok(_) | Err(Error::Differences { .. })), "{restored:?}");
            Ok(checkpoint)
        }
        Err(Error::Checkpoint { of, message }) if of == "the checkpoint" && !message.contains('\n') => Err(message),
        Err(other) => panic!("another error: {other:?}"),
    }
}

/// Bytes that are refused in these words.
pub fn refused(case: &str, bytes: &[u8], words: &str) -> Outcome {
    match read(bytes) {
        Err(message) if message.contains(words) => Ok(()),
        other => Err(format!("{case}: expected an error that says \"{words}\", got {other:?}").into()),
    }
}
