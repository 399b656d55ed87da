//! The command line: which traces on which backends, the table or the JSON lines, the exit code.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use wgpu_optim::adapter::{self, DeviceLimits, Gpu};
use wgpu_optim::rule::AnyRule;

use super::replay::{self, Report};
use super::rule;
use super::trace::{Error, Result, Trace};

/// Replays recorded optimizer runs (optimizer-trace/1, tests/traces/README.md) and measures every value of every step against float64.
#[derive(Parser)]
#[command(name = "replay", after_help = "Exit codes: 0 all passed, 1 one did not, 2 something cannot be read or run.")]
struct Args {
    /// Where to run
    #[arg(long, value_enum, default_value_t = On::Both)]
    backend: On,
    /// One JSON object a line instead of the table
    #[arg(long)]
    json: bool,
    /// Traces, as safetensors
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum On {
    Gpu,
    Cpu,
    Both,
}

/// How it all went; the worst counts, and its number is the exit code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Passed = 0,
    Failed = 1,
    Unreadable = 2,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        ExitCode::from(verdict as u8)
    }
}

/// The program, with arguments as the system gives them (the program's name first) and its two outputs. Fails if these cannot be written.
pub fn run<'a>(args: impl IntoIterator<Item = OsString>, out: &'a mut dyn Write, err: &'a mut dyn Write) -> io::Result<ExitCode> {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(message) => {
            let (to, verdict) = if message.use_stderr() { (err, Verdict::Unreadable) } else { (out, Verdict::Passed) };
            write!(to, "{}", message.render())?;
            return Ok(verdict.into());
        }
    };
    let mut printer = Printer { json: args.json, out, err, verdict: Verdict::Passed };
    let gpu = if args.backend == On::Cpu { None } else { printer.check(request())? };
    printer.header(gpu.as_ref())?;
    for path in &args.files {
        let Some((trace, rules)) = printer.check(read(path))? else { continue };
        if let Some(gpu) = &gpu {
            printer.row(path, replay::on_gpu(gpu, &trace, &rules))?;
        }
        if args.backend != On::Gpu {
            printer.row(path, replay::on_cpu(&trace, &rules))?;
        }
    }
    Ok(printer.verdict.into())
}

fn read(path: &Path) -> Result<(Trace, Vec<Box<dyn AnyRule>>)> {
    let trace = Trace::read(path)?;
    let rules = rule::of_groups(&trace).map_err(|error| about(path, error))?;
    Ok((trace, rules))
}

fn about(path: &Path, error: Error) -> Error {
    format!("{}: {error}", path.display()).into()
}

fn request() -> Result<Gpu> {
    Ok(pollster::block_on(adapter::request(DeviceLimits::Adapter))?)
}

/// Writes what there is to say as soon as it is known.
struct Printer<'a> {
    json: bool,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    verdict: Verdict,
}

impl Printer<'_> {
    /// The value, or None after reporting the error.
    fn check<T>(&mut self, result: Result<T>) -> io::Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                self.verdict = Verdict::Unreadable;
                writeln!(self.err, "replay: {error}")?;
                Ok(None)
            }
        }
    }

    fn header(&mut self, gpu: Option<&Gpu>) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        if let Some(Gpu { info, .. }) = gpu {
            writeln!(self.out, "gpu: {} ({})", info.name, info.backend)?;
        }
        let columns =
            ["max error", "rms error", "framework max", "framework rms", "fidelity"].map(|title| format!("{title:>13}")).join(" ");
        writeln!(self.out, "{:<24} {:<9} {:<7} {:>5} {columns}       largest state errors", "trace", "optimizer", "backend", "steps")
    }

    fn row(&mut self, path: &Path, result: Result<Report>) -> io::Result<()> {
        let Some(report) = self.check(result.map_err(|error| about(path, error)))? else { return Ok(()) };
        if !report.pass {
            self.verdict = self.verdict.max(Verdict::Failed);
        }
        if self.json {
            return writeln!(self.out, "{}", serde_json::to_string(&report)?);
        }
        let Report { trace, optimizer, backend, steps, fidelity, .. } = &report;
        let errors = [report.max_error, report.rms_error, report.framework_max_error, report.framework_rms_error];
        let errors = errors.map(|error| format!("{error:>13.2e}")).join(" ");
        let states: Vec<String> = report.state_max_error.iter().map(|(key, error)| format!("{key} {error:.1e}")).collect();
        let (pass, states) = (if report.pass { "pass" } else { "FAIL" }, states.join(", "));
        let doubt = report.doubt.as_ref().map_or(String::new(), |doubt| format!("; too far from the truth: {doubt}"));
        writeln!(self.out, "{trace:<24} {optimizer:<9} {backend:<7} {steps:>5} {errors} {fidelity:>13.3}  {pass} {states}{doubt}")
    }
}
