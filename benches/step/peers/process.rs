//! A peer in a process of its own, which takes part in the rounds: benches/peers. It is asked in JSON, a line each.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Result;
use crate::measure::{BUSY, Contender, On, Pace, Sample};

/// A process that makes steps when it is told to.
pub struct Process {
    lines: RefCell<Lines>,
    hello: Hello,
    pace: Pace,
}

/// What it says first.
#[derive(Deserialize)]
struct Hello {
    /// What it is, and on what it runs.
    about: String,
    /// The optimizers that it has.
    kinds: Vec<String>,
    /// Those that do the whole step.
    #[serde(default)]
    whole_kinds: Vec<String>,
    /// Those of Muon.
    #[serde(default)]
    muon_kinds: Vec<String>,
    /// Those of all that run on the CPU; the others run on the device.
    #[serde(default)]
    cpu_kinds: Vec<String>,
}

struct Lines {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Process {
    /// What runs on a device times itself hot or rested, as this is.
    pub fn start(command: &mut Command, pace: Pace) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = child.stdin.take().ok_or("no input")?;
        let from = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut lines = Lines { child, to, from };
        let hello = serde_json::from_value(lines.answer()?)?;
        Ok(Process { lines: RefCell::new(lines), hello, pace })
    }

    pub fn about(&self) -> &str {
        &self.hello.about
    }

    /// The optimizers that it has.
    pub fn kinds(&self) -> &[String] {
        &self.hello.kinds
    }

    /// Those that do the whole step.
    pub fn whole_kinds(&self) -> &[String] {
        &self.hello.whole_kinds
    }

    /// Those of Muon.
    pub fn muon_kinds(&self) -> &[String] {
        &self.hello.muon_kinds
    }

    /// The optimizers that run on the CPU.
    pub fn cpu_kinds(&self) -> impl Iterator<Item = &str> {
        self.hello.kinds.iter().filter(|kind| self.on(kind) == On::Cores).map(String::as_str)
    }

    fn on(&self, kind: &str) -> On {
        if self.hello.cpu_kinds.iter().any(|other| other == kind) { On::Cores } else { On::Device }
    }

    /// Makes the tensors and an optimizer of this kind, whose steps are the contender's runs.
    pub fn contender<'a>(&'a self, kind: &'a str, shapes: &[Vec<usize>]) -> Result<Contender<'a>> {
        self.lines.borrow_mut().ask(&json!({ "make": kind, "shapes": shapes }))?;
        let mut question = json!({ "step": kind });
        if let (Pace::Hot, On::Device) = (self.pace, self.on(kind)) {
            question["busy"] = json!(BUSY);
        }
        Ok(Contender::elsewhere(kind, self.on(kind), move || {
            let answer = self.lines.borrow_mut().ask(&question)?;
            Ok(Sample { whole: self.seconds(&answer)?, record: None, gpu: answer["gpu_seconds"].as_f64() })
        }))
    }

    /// From the creation of tensors to the end of their first step.
    pub fn first_step(&self, shapes: &[Vec<usize>]) -> Result<f64> {
        let answer = self.lines.borrow_mut().ask(&json!({ "first": shapes }))?;
        self.seconds(&answer)
    }

    /// Frees the tensors.
    pub fn clear(&self) -> Result<()> {
        self.lines.borrow_mut().ask(&json!({ "clear": true })).map(drop)
    }

    fn seconds(&self, answer: &Value) -> Result<f64> {
        answer["seconds"].as_f64().ok_or_else(|| format!("{}: no seconds in {answer}", self.about()).into())
    }
}

impl Lines {
    fn ask(&mut self, question: &Value) -> Result<Value> {
        writeln!(self.to, "{question}")?;
        self.to.flush()?;
        let answer = self.answer()?;
        answer["error"].as_str().map_or(Ok(answer.clone()), |error| Err(error.into()))
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Err("the process ended; it said why above".into());
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
