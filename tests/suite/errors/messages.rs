//! Each mistake that one call makes, and what is said about it.

use wgpu::BufferUsages as Usage;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::{Adam, AdamW, Binding, Error, Param, RmsProp, Rprop, Sgd};

use super::{adam, buffer, optimizer, param, rule, tensors, with_usage};

type Row = (&'static str, fn(&Gpu) -> Result<(), Error>, &'static str);

/// Each mistake and what is said about it.
pub(super) const ROWS: [Row; 34] = [
    ("no-parameters", |gpu| optimizer(gpu, vec![]), "no parameters: an optimizer needs at least one"),
    ("no-tensors", |gpu| tensors(gpu, &[]), "no parameters: an optimizer needs at least one"),
    (
        "uncountable",
        |gpu| optimizer(gpu, vec![param(gpu, "w", &[usize::MAX, 2])]),
        "w: shape [18446744073709551615, 2] has more elements than can be counted",
    ),
    ("duplicate-name", |gpu| optimizer(gpu, vec![param(gpu, "w", &[3]), param(gpu, "w", &[3])]), "w: two parameters have this name"),
    ("duplicate-tensors", |gpu| tensors(gpu, &[("w", &[1]), ("w", &[2])]), "w: two parameters have this name"),
    (
        "value-too-small",
        |gpu| optimizer(gpu, vec![Param { value: buffer(gpu, 64).into(), ..param(gpu, "w", &[5, 4]) }]),
        "w: shape [5, 4] in f32 takes 80 bytes, the value binding has 64",
    ),
    (
        "gradient-too-large",
        |gpu| optimizer(gpu, vec![Param { gradient: Binding::new(&buffer(gpu, 128), 0, 84), ..param(gpu, "w", &[5, 4]) }]),
        "w: shape [5, 4] in f32 takes 80 bytes, the gradient binding has 84; if it is a prefix of the buffer, say Binding::prefix(buffer), else give the bytes that are its own",
    ),
    (
        "longer-buffer",
        |gpu| optimizer(gpu, vec![Param { value: buffer(gpu, 96).into(), ..param(gpu, "w", &[5, 4]) }]),
        "w: shape [5, 4] in f32 takes 80 bytes, the value binding has 96; if it is a prefix of the buffer, say Binding::prefix(buffer), else give the bytes that are its own",
    ),
    (
        "longer-slice",
        |gpu| optimizer(gpu, vec![Param { value: buffer(gpu, 96).slice(8..).into(), ..param(gpu, "w", &[5, 4]) }]),
        "w: shape [5, 4] in f32 takes 80 bytes, the value binding has 88; if it is a prefix of the buffer, say Binding::prefix(buffer), else give the bytes that are its own",
    ),
    (
        "longer-rest",
        |gpu| {
            let buffer = buffer(gpu, 96);
            let value = wgpu::BufferBinding { buffer: &buffer, offset: 12, size: None };
            optimizer(gpu, vec![Param { value: value.into(), ..param(gpu, "w", &[5, 4]) }])
        },
        "w: shape [5, 4] in f32 takes 80 bytes, the value binding has 84; if it is a prefix of the buffer, say Binding::prefix(buffer), else give the bytes that are its own",
    ),
    (
        "prefix-of-a-shorter-buffer",
        |gpu| optimizer(gpu, vec![Param { value: Binding::prefix(&buffer(gpu, 76)), ..param(gpu, "w", &[5, 4]) }]),
        "w: shape [5, 4] in f32 takes 80 bytes, the value binding has 76",
    ),
    (
        "binding-past-the-buffer",
        |gpu| optimizer(gpu, vec![Param { value: Binding::new(&buffer(gpu, 64), 32, 80), ..param(gpu, "w", &[5, 4]) }]),
        "w: the value binding ends at byte 112, its buffer has 64",
    ),
    (
        "offset-past-the-buffer",
        |gpu| {
            let buffer = buffer(gpu, 64);
            let value = wgpu::BufferBinding { buffer: &buffer, offset: 128, size: None };
            optimizer(gpu, vec![Param { value: value.into(), ..param(gpu, "w", &[4]) }])
        },
        "w: the value binding ends at byte 128, its buffer has 64",
    ),
    (
        "missing-usage",
        |gpu| {
            let gradient = with_usage(gpu, 16, Usage::COPY_DST).into();
            optimizer(gpu, vec![Param { gradient, ..param(gpu, "w", &[4]) }])
        },
        "w: the gradient buffer has usage BufferUsages(COPY_DST), it needs BufferUsages(STORAGE) too",
    ),
    (
        "misaligned",
        |gpu| optimizer(gpu, vec![Param { value: Binding::new(&buffer(gpu, 64), 6, 16), ..param(gpu, "w", &[4]) }]),
        "w: the value binding starts at byte 6, which is not a multiple of 4",
    ),
    (
        "two-values-overlap",
        |gpu| {
            let buffer = buffer(gpu, 64);
            let at = |name, offset| Param { value: Binding::new(&buffer, offset, 16), ..param(gpu, name, &[4]) };
            optimizer(gpu, vec![at("a", 0), at("b", 12)])
        },
        "a (value) and b (value) overlap in one buffer",
    ),
    (
        "value-and-gradient-overlap",
        |gpu| {
            let buffer = buffer(gpu, 64);
            optimizer(gpu, vec![Param::new("w", &[4], Binding::new(&buffer, 4, 16), Binding::new(&buffer, 16, 16))])
        },
        "w (value) and w (gradient) overlap in one buffer",
    ),
    (
        "value-is-gradient",
        |gpu| {
            let buffer = buffer(gpu, 64);
            optimizer(gpu, vec![Param::new("w", &[4], Binding::prefix(&buffer), Binding::prefix(&buffer))])
        },
        "w (value) and w (gradient) overlap in one buffer",
    ),
    ("beta2", |gpu| rule(gpu, Adam { beta2: 1.0, ..Adam::default() }), "Adam: beta2 must be in [0, 1), got 1"),
    ("nan-lr", |gpu| rule(gpu, AdamW { lr: f64::NAN, ..AdamW::default() }), "AdamW: lr must be in [0, inf), got NaN"),
    ("alpha", |gpu| rule(gpu, RmsProp { alpha: 1.5, ..RmsProp::default() }), "RmsProp: alpha must be in [0, 1], got 1.5"),
    (
        "subnormal-eps",
        |gpu| rule(gpu, Adam { eps: 1e-40, ..Adam::default() }),
        "Adam: eps must be 0 or of magnitude 1.18e-38 to 3.4e38, as f32 is, got 1e-40",
    ),
    (
        "nesterov-without-momentum",
        |gpu| rule(gpu, Sgd { nesterov: true, ..Sgd::default() }),
        "Sgd: nesterov needs momentum above 0 and dampening 0, got momentum 0 and dampening 0",
    ),
    (
        "nesterov-with-dampening",
        |gpu| rule(gpu, Sgd { nesterov: true, momentum: 0.9, dampening: 0.5, ..Sgd::default() }),
        "Sgd: nesterov needs momentum above 0 and dampening 0, got momentum 0.9 and dampening 0.5",
    ),
    (
        "rprop-limits",
        |gpu| rule(gpu, Rprop { step_size_min: 1.0, step_size_max: 0.5, ..Rprop::default() }),
        "Rprop: step_size_min must be at most step_size_max, got 1 and 0.5",
    ),
    (
        "tensor-over-the-limit",
        |gpu| tensors(gpu, &[("w", &[1 << 20, 65])]),
        "w: a buffer for shape [1048576, 65] in f32 needs 272629760, the device's max_buffer_size is 268435456; request a device with a \
         higher limit, or split",
    ),
    ("unknown-parameter", |gpu| adam(gpu).state("v", "m").map(drop), "there is no parameter \"v\"; there are: w"),
    ("unknown-state", |gpu| adam(gpu).state("w", "max_v").map(drop), "there is no state \"max_v\"; there are: m, v"),
    (
        "unknown-hyper-parameter",
        |gpu| adam(gpu).set(0, "momentum", 0.9),
        "there is no hyper-parameter \"momentum\"; there are: lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, \
         decoupled_weight_decay, cautious_weight_decay, uncorrected, uncorrected_eps, second_moment_per_row",
    ),
    ("half-a-flag", |gpu| adam(gpu).set(0, "maximize", 0.5), "Adam: maximize must be in [0, 1], got 0.5"),
    ("unknown-group", |gpu| adam(gpu).set(1, "lr", 0.1), "there is no group 1; the only one is group 0"),
    (
        "max-norm-without-its-clip",
        |gpu| adam(gpu).set(0, "max_norm", 0.5),
        "group 0 is not clipped by a norm, so it has no max_norm; set_clip with Clip::Norm gives it one",
    ),
    (
        "other-states",
        |gpu| adam(gpu).set(0, "amsgrad", 1.0),
        "group 0 runs Adam with state [m, v]; Adam with state [m, v, max_v] needs other kernels or state, so a new optimizer",
    ),
    ("wrong-length-of-a-state", |gpu| adam(gpu).write_state("w", "m", &[0.0; 3]), "w: the state \"m\" must have 4 elements, got 3"),
];
