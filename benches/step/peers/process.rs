//! PyTorch on the CPU, in a process of its own that takes part in the rounds: benches/peers/torch_cpu.py.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::Result;
use crate::measure::Contender;

/// How torch runs AdamW.
pub const KINDS: [&str; 2] = ["fused", "foreach"];

/// A process that makes steps when it is told to.
pub struct Torch {
    lines: RefCell<Lines>,
    pub version: String,
}

struct Lines {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Torch {
    pub fn start(python: &Path) -> Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/torch_cpu.py");
        let mut child = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = child.stdin.take().ok_or("no input")?;
        let from = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut lines = Lines { child, to, from };
        let hello = lines.answer()?;
        Ok(Torch {
            lines: RefCell::new(lines),
            version: format!("PyTorch {}, {} threads", hello["torch"].as_str().unwrap_or("?"), hello["threads"]),
        })
    }

    /// Makes the tensors, and contenders that step them.
    pub fn contenders<'a>(&'a self, shapes: &[Vec<usize>]) -> Result<Vec<Contender<'a>>> {
        let contender = |kind: &'static str| {
            self.lines.borrow_mut().ask(&json!({ "make": kind, "shapes": shapes }))?;
            let step = move || {
                let answer = self.lines.borrow_mut().ask(&json!({ "step": kind }))?;
                answer["seconds"].as_f64().ok_or_else(|| "PyTorch said no seconds".into())
            };
            Ok(Contender::clocked(format!("PyTorch {kind}"), step))
        };
        KINDS.into_iter().map(contender).collect()
    }

    /// Frees the tensors.
    pub fn clear(&self) -> Result<()> {
        self.lines.borrow_mut().ask(&json!({ "clear": true })).map(drop)
    }
}

impl Lines {
    fn ask(&mut self, question: &Value) -> Result<Value> {
        writeln!(self.to, "{question}")?;
        self.to.flush()?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Err("the Python of --python ended; has it torch?".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // It has nothing to save; and there is nobody to tell.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}
