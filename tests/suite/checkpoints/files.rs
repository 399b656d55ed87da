//! The bytes of a checkpoint, changed in every way: an error that says what is wrong, or a checkpoint, never a panic, and never much more memory than the
//! file takes.

use libtest_mimic::Trial;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use serde_json::json;

use super::reading::{read, refused};
use super::taken_apart::{KEY, TakenApart, bytes, checkpoint, header_len, of_header};
use crate::context::Outcome;

pub fn trials() -> Vec<Trial> {
    let row = |name: &str, run: fn() -> Outcome| Trial::test(format!("checkpoints/files/{name}"), run);
    vec![
        row("whole", whole),
        row("cut-at-every-length", cut_at_every_length),
        row("longer", longer),
        row("every-byte-of-the-header-changed", every_byte_of_the_header_changed),
        row("every-bit-of-the-numbers-flipped", every_bit_of_the_numbers_flipped),
        row("lengths-of-headers", lengths_of_headers),
        row("tensors", tensors),
        row("tensors-twice", tensors_twice),
        row("offsets", offsets),
        row("random-bytes", random_bytes),
        row("random-changes", random_changes),
    ]
}

fn whole() -> Outcome {
    let apart = TakenApart::new();
    for bytes in [bytes(), apart.bytes()] {
        assert!(read(&bytes)? == checkpoint()?);
    }
    assert_eq!(apart.head["notes"]["epoch"], "7", "the file is taken apart");
    Ok(())
}

fn cut_at_every_length() -> Outcome {
    let bytes = bytes();
    (0..bytes.len()).try_for_each(|len| refused(&format!("{len} bytes"), &bytes[..len], ""))
}

fn longer() -> Outcome {
    (1..20).try_for_each(|more| refused("longer", &[bytes(), vec![0; more]].concat(), ""))
}

/// Each bit, and each of what the format is made of. A change within a text or a number of the metadata may leave a checkpoint.
fn every_byte_of_the_header_changed() -> Outcome {
    let whole = bytes();
    let mut left = 0;
    for at in 0..8 + header_len(&whole) {
        let flipped = (0..8).map(|bit| whole[at] ^ (1 << bit));
        for byte in flipped.chain(*b"09\"'{}[]:,-\\ \0\xff") {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            left += usize::from(read(&bytes).is_ok());
        }
    }
    assert!(left > 100, "only {left} changes leave a checkpoint, so nothing comes as far as its numbers");
    Ok(())
}

fn every_bit_of_the_numbers_flipped() -> Outcome {
    let whole = bytes();
    for bit in 0..8 * (whole.len() - 8 - header_len(&whole)) {
        let mut bytes = whole.clone();
        let at = 8 + header_len(&whole) + bit / 8;
        bytes[at] ^= 1 << (bit % 8);
        let changed = read(&bytes)?.to_bytes()?;
        assert!(changed == bytes, "bit {bit} is lost");
    }
    Ok(())
}

fn lengths_of_headers() -> Outcome {
    let whole = bytes();
    let len = header_len(&whole) as u64;
    let near = (1..200).flat_map(|step| [len.saturating_sub(step), len + step]);
    let huge = (8..64).flat_map(|bit| [1 << bit, (1_u64 << bit) - 1]).chain((0..20).map(|less| u64::MAX - less));
    for other in near.chain(huge).filter(|&other| other != len) {
        let bytes = [&other.to_le_bytes(), &whole[8..]].concat();
        refused(&format!("a header of {other} bytes"), &bytes, "")?;
    }
    Ok(())
}

/// Each tensor renamed, missing, of another dtype or shape, or with another one beside it.
fn tensors() -> Outcome {
    let whole = TakenApart::new();
    for name in whole.tensors.keys() {
        let change = |change: &dyn Fn(&mut TakenApart)| {
            let mut apart = whole.clone();
            change(&mut apart);
            apart.bytes()
        };
        let value = |apart: &mut TakenApart| apart.tensors.remove(name).unwrap_or_default();
        let renamed = change(&|apart| {
            let tensor = value(apart);
            apart.tensors.insert(format!("{name}_"), tensor);
        });
        // A value may be missing, but then it is a tensor too many.
        let words = if name.ends_with("/value") { "tensors" } else { "is not there" };
        refused(name, &renamed, words)?;
        refused(name, &change(&|apart| drop(value(apart))), "")?;
        refused(name, &change(&|apart| apart.push(&format!("{name}_"), "F32", &[1], &[0; 4])), "tensors")?;
        let other = if whole.tensors[name]["dtype"] == "F32" { "U32" } else { "F32" };
        for dtype in [other, "I32"] {
            refused(name, &change(&|apart| apart.tensors[name]["dtype"] = json!(dtype)), &format!("{name} is {dtype}"))?;
        }
        for dtype in ["F64", "BF16", "U8", "F4", "BOOL", "", "F33"] {
            refused(name, &change(&|apart| apart.tensors[name]["dtype"] = json!(dtype)), "")?;
        }
        let shape = whole.tensors[name]["shape"].as_array().cloned().unwrap_or_default();
        let more = [&[json!(1)], &*shape].concat();
        refused(name, &change(&|apart| apart.tensors[name]["shape"] = json!(more)), &format!("{name} is"))?;
        for shape in [json!([u64::MAX, u64::MAX]), json!([1_u64 << 62, 4]), json!([u64::MAX]), json!([-1]), json!([0.5]), json!("3")] {
            refused(name, &change(&|apart| apart.tensors[name]["shape"] = shape.clone()), "")?;
        }
    }
    Ok(())
}

/// A name that is in the header twice, which JSON has no rule for and safetensors forbids; whichever of both it is that fits.
fn tensors_twice() -> Outcome {
    let whole = TakenApart::new();
    let header = bytes()[8..8 + header_len(&bytes())].to_vec();
    let header = String::from_utf8(header)?;
    let inner = header.trim_end().strip_prefix('{').and_then(|header| header.strip_suffix('}')).ok_or("it is an object")?;
    for (name, tensor) in &whole.tensors {
        let empty = json!({ "dtype": "F32", "shape": [0], "data_offsets": [0, 0] });
        for other in [tensor, &empty] {
            for header in [format!("{{{inner},\"{name}\":{other}}}"), format!("{{\"{name}\":{other},{inner}}}")] {
                refused(name, &of_header(&header, &whole.data), "twice")?;
            }
        }
    }
    for more in [json!({}), json!({ KEY: "{}" })] {
        refused("metadata", &of_header(&format!("{{{inner},\"__metadata__\":{more}}}"), &whole.data), "twice")?;
    }
    let text = json!(whole.head.to_string());
    let rest = &json!(whole.tensors).to_string()[1..];
    let header = format!("{{\"__metadata__\":{{\"{KEY}\":{text},\"{KEY}\":{text}}},{rest}");
    refused("two texts", &of_header(&header, &whole.data), "twice")
}

/// Places of tensors that overlap, leave something out, or whose sum no number holds.
fn offsets() -> Outcome {
    let whole = TakenApart::new();
    for name in whole.tensors.keys() {
        let offsets = whole.tensors[name]["data_offsets"].clone();
        let [from, to] = [0, 1].map(|end| offsets[end].as_u64().unwrap_or_default());
        let others = [[from + 4, to + 4], [to, from], [from, to + 4], [0, to - from], [u64::MAX - 3, u64::MAX], [from, u64::MAX], [to, to]];
        // One without elements may lie anywhere between two others.
        for others in others.into_iter().filter(|others| *others != [from, to] && (from != to || others[0] != others[1])) {
            let mut apart = whole.clone();
            apart.tensors[name]["data_offsets"] = json!(others);
            refused(name, &apart.bytes(), "")?;
        }
    }
    // Each a size that there can be, one after the other up to the largest number.
    let mut apart = whole;
    let (mut at, step) = (apart.data.len() as u64, (1_u64 << 61) - 1);
    for index in 0..8 {
        let next = at.saturating_add(step);
        let shape = [next - at];
        apart.tensors.insert(format!("more{index}"), json!({ "dtype": "U8", "shape": shape, "data_offsets": [at, next] }));
        at = next;
    }
    refused("huge", &apart.bytes(), "")
}

fn run<T: core::fmt::Debug>(strategy: impl Strategy<Value = T>, bytes: impl Fn(&T) -> Vec<u8>) -> Outcome {
    let config = Config { cases: 2000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]));
    let outcome = runner.run(&strategy, |draw| {
        // Whatever it is, it does not panic, which `run` catches.
        drop(read(&bytes(&draw)));
        Ok(())
    });
    outcome.map_err(|error| match error {
        TestError::Fail(reason, draw) => format!("{reason}\nfor {draw:?}").into(),
        other => other.to_string().into(),
    })
}

/// As they are, and behind the length that a header of theirs would have.
fn random_bytes() -> Outcome {
    run(prop::collection::vec(any::<u8>(), 0..300), |bytes| bytes.clone())?;
    run((prop::collection::vec(any::<u8>(), 0..300), 0..40_usize), |(bytes, rest)| {
        [&(bytes.len().saturating_sub(*rest) as u64).to_le_bytes(), &**bytes].concat()
    })
}

/// Several bytes of a file at a time, parts that are moved, and parts that are there twice.
fn random_changes() -> Outcome {
    let whole = bytes();
    run(prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), |changes| {
        let mut bytes = whole.clone();
        changes.iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = *byte);
        bytes
    })?;
    run((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..64_usize), |(from, to, len)| {
        let (from, to) = (from.index(whole.len()), to.index(whole.len()));
        let part = &whole[from..whole.len().min(from + len)];
        [&whole[..to], part, &whole[to..]].concat()
    })
}
