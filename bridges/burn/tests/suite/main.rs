//! The proof of the bridge: it trains as burn's own optimizers do, on burn's buffers, and changes nothing else.

mod active;
mod checkpoints;
mod clones;
mod errors;
mod models;
mod options;
mod order;
mod pages;
mod parity;
mod support;
