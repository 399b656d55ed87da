"""Records what other frameworks' optimizers do, as the traces beside this file (format: README.md).

    python3 -m venv venv
    venv/bin/pip install torch numpy safetensors optax pytorch_optimizer
    venv/bin/python tests/traces/generate.py [--out DIR] [--seed N] [NAME...]

Each case runs twice from the same float32 inputs: in float64 (the truth) and in float32 (the framework's own error). The same seed and
the same versions give the same bytes; cases do not depend on one another.
"""

import argparse
import json
import struct
import zlib
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import save

import global_cases
import matrix_cases
import more_cases
import optax_cases
import reduction_cases
import torch_cases

SMALL = {"gain": (1,), "fc1.bias": (37,), "fc1.weight": (9, 7), "emb": (3, 5, 4)}
TINY = {"scale": (), "bias": (7,)}


def normal(rng, shape, step):
    """Standard normal."""
    return rng.standard_normal(shape)


def rough(rng, shape, step):
    """Each element normal times one of 0, 1e-20, 1e-6, 1, 1, 1, 1000, 1e6, drawn anew each step; all zero in step 3."""
    magnitudes = [0.0, 1e-20, 1e-6, 1.0, 1.0, 1.0, 1e3, 1e6]
    return rng.standard_normal(shape) * rng.choice(magnitudes, shape) * (step != 3)


def alternating(rng, shape, step):
    """Uniform in 0.5..1.5, the sign changing with every step; every third element always zero."""
    size = rng.uniform(0.5, 1.5, shape) * (-1) ** step
    return np.where(np.arange(size.size).reshape(shape) % 3 == 0, 0.0, size)


def drifting(rng, shape, step):
    """A slow sine, different in each element, plus normal noise of a tenth."""
    phase = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    return np.sin(step / 15 + phase) + 0.1 * rng.standard_normal(shape)


@dataclass
class Case:
    name: str
    optimizer: str
    hyper: dict
    gradients: object = normal
    shapes: dict = field(default_factory=lambda: SMALL)
    steps: int = 12
    framework: str = "torch"
    groups: list = None
    # The steps in which a parameter has a gradient, where it is not all of them.
    present: dict = field(default_factory=dict)
    # Makes optax's optimizer from `hyper`, where its function there does not have all of it.
    build: object = None
    # What runs it, where that is not run_torch or run_optax.
    run: object = None


GAPS = {"gain": [], "fc1.bias": [4, 5, 9, 10, 11], "fc1.weight": [1, 2, 7, 12]}
HEAD_AND_REST = [["emb", "gain"], ["fc1.weight", "fc1.bias"]]


def split(first, second):
    """Two groups of SMALL's parameters with these overrides."""
    return [{"params": params, "hyper": hyper} for params, hyper in zip(HEAD_AND_REST, (first, second))]


CASES = [
    Case("sgd-decay", "SGD", {"lr": 0.1, "weight_decay": 0.2}, alternating),
    Case("sgd-dampened", "SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1, "maximize": True}),
    Case("sgd-nesterov-decay", "SGD", {"lr": 0.03, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05}),
    Case("sgd-rough", "SGD", {"lr": 1e-3, "momentum": 0.7, "dampening": -0.2}, rough),
    Case("sgd-gaps", "SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.4}, present=GAPS),
    Case("sgd-groups", "SGD", {"lr": 0.05}, groups=split({}, {"lr": 0.02, "momentum": 0.8, "weight_decay": 0.3, "maximize": True})),
    Case("sgd-long", "SGD", {"lr": 1e-3, "momentum": 0.99}, drifting, TINY, 200),
    Case("adam-amsgrad", "Adam", {"lr": 2e-2, "betas": [0.8, 0.95], "eps": 1e-4, "weight_decay": 0.1, "amsgrad": True, "maximize": True}),
    Case("adam-decoupled", "Adam", {"lr": 2e-2, "weight_decay": 0.2, "decoupled_weight_decay": True}, alternating, steps=16),
    Case("adam-memoryless", "Adam", {"lr": 1e-2, "betas": [0.0, 0.3], "eps": 1e-2}, alternating),
    Case("adam-rough", "Adam", {"lr": 1e-2}, rough, steps=16),
    Case("adam-gaps", "Adam", {"lr": 1e-2, "betas": [0.85, 0.98]}, present=GAPS),
    Case("adam-long", "Adam", {"lr": 1e-3}, drifting, TINY, 200),
    Case("adamw-maximize", "AdamW", {"lr": 2e-2, "betas": [0.7, 0.97], "eps": 1e-5, "weight_decay": 0.3, "maximize": True}),
    Case("adamw-default", "AdamW", {}, alternating),
    Case(
        "adamw-groups",
        "AdamW",
        {"lr": 1e-3, "betas": [0.9, 0.95]},
        groups=split({"lr": 1e-2, "weight_decay": 0.0}, {"betas": [0.5, 0.8], "amsgrad": True}),
    ),
    Case("adamw-amsgrad-rough", "AdamW", {"lr": 5e-3, "amsgrad": True, "weight_decay": 0.1}, rough, steps=16),
    Case("rmsprop-momentum", "RMSprop", {"lr": 2e-3, "alpha": 0.9, "eps": 0.1, "weight_decay": 0.1, "momentum": 0.8, "maximize": True}),
    Case("rmsprop-centered-plain", "RMSprop", {"lr": 5e-3, "alpha": 0.8, "eps": 1e-4, "centered": True}),
    Case("rmsprop-rough", "RMSprop", {"lr": 1e-3, "eps": 1e-6}, rough, steps=16),
    Case("rmsprop-gaps", "RMSprop", {"lr": 1e-3, "alpha": 0.95, "momentum": 0.5, "centered": True, "eps": 1e-3}, present=GAPS),
    Case("rmsprop-groups", "RMSprop", {"alpha": 0.9}, groups=split({"centered": True}, {"lr": 1e-3, "eps": 1e-2, "momentum": 0.6})),
    Case("rmsprop-centered-long", "RMSprop", {"lr": 1e-3, "centered": True}, drifting, TINY, 200),
    Case("optax-rmsprop-eps", "rmsprop", {"learning_rate": 5e-3, "eps": 0.1}, alternating, framework="optax"),
    Case(
        "optax-rmsprop-momentum",
        "rmsprop",
        {"learning_rate": 2e-3, "decay": 0.8, "eps": 1e-4, "momentum": 0.8, "centered": True},
        framework="optax",
    ),
]
CASES += more_cases.cases(Case, normal, alternating, drifting)
CASES += optax_cases.cases(Case, alternating, drifting, rough, TINY)
CASES += reduction_cases.cases(Case, normal, alternating, drifting)
CASES += global_cases.cases(Case, normal, alternating, drifting)


def draw(case, seed):
    """Initial values and gradients in float32; a gradient is None where the parameter takes no part."""
    rng = np.random.default_rng([seed, zlib.crc32(case.name.encode())])
    initial = {name: np.asarray(rng.standard_normal(shape), np.float32) for name, shape in case.shapes.items()}
    gradients = []
    for step in range(1, case.steps + 1):
        drawn = {name: np.asarray(case.gradients(rng, shape, step), np.float32) for name, shape in case.shapes.items()}
        gradients.append({name: g if step in case.present.get(name, [step]) else None for name, g in drawn.items()})
    return initial, gradients


def groups_of(case):
    return case.groups or [{"params": list(case.shapes), "hyper": {}}]


def run_torch(case, initial, gradients, dtype):
    """Yields values and states after each step."""
    import torch

    params = {name: torch.nn.Parameter(torch.tensor(value.astype(dtype))) for name, value in initial.items()}
    groups = [{"params": [params[name] for name in group["params"]], **group["hyper"]} for group in groups_of(case)]
    optimizer = getattr(torch.optim, case.optimizer)(groups, **case.hyper)
    for now in gradients:
        for name, param in params.items():
            param.grad = None if now[name] is None else torch.tensor(now[name].astype(dtype))
        optimizer.step()
        states = {name: optimizer.state.get(param, {}) for name, param in params.items()}
        # `step` is a count, and a buffer that is not in use is None.
        states = {name: {key: state for key, state in of.items() if key != "step" and state is not None} for name, of in states.items()}
        yield (
            {name: param.detach().numpy().copy() for name, param in params.items()},
            {name: {key: state.numpy().copy() for key, state in of.items()} for name, of in states.items()},
        )


def run_optax(case, initial, gradients, dtype):
    """Yields values after each step; optax has neither groups nor missing gradients of torch's kind, so those cases are torch's."""
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    params = {name: jax.numpy.asarray(value, dtype) for name, value in initial.items()}
    build = case.build or getattr(optax, case.optimizer, None) or getattr(optax.contrib, case.optimizer)
    optimizer = build(**case.hyper)
    state = optimizer.init(params)
    for now in gradients:
        updates, state = optimizer.update({name: jax.numpy.asarray(g, dtype) for name, g in now.items()}, state, params)
        params = optax.apply_updates(params, updates)
        yield {name: np.asarray(param) for name, param in params.items()}, {}


CASES += torch_cases.cases(Case, run_torch, normal, rough, alternating, drifting)
CASES += matrix_cases.cases(Case, run_torch, normal, alternating)


def record(case, seed):
    """Tensors and metadata of one trace."""
    run = case.run or {"torch": run_torch, "optax": run_optax}[case.framework]
    initial, gradients = draw(case, seed)
    tensors = {f"param/{name}/0": value for name, value in initial.items()}
    both = zip(gradients, run(case, initial, gradients, np.float64), run(case, initial, gradients, np.float32))
    for step, (gradient, (truth, states), (own, _)) in enumerate(both, 1):
        tensors |= {f"grad/{name}/{step}": g for name, g in gradient.items() if g is not None}
        tensors |= {f"param/{name}/{step}": value for name, value in truth.items()}
        tensors |= {f"torch_f32/{name}/{step}": value for name, value in own.items()}
        tensors |= {f"state/{name}/{key}/{step}": value for name, of in states.items() for key, value in of.items()}
    for name, tensor in tensors.items():
        wanted = np.float64 if name.startswith("state/") or (name.startswith("param/") and not name.endswith("/0")) else np.float32
        assert tensor.dtype == wanted, f"{case.name}: {name} is {tensor.dtype}"
        assert np.isfinite(tensor).all(), f"{case.name}: {name} is not finite"
    metadata = {
        "format": "optimizer-trace/1",
        "framework": f"{case.framework} {getattr(__import__(case.framework), '__version__', None) or version(case.framework)}",
        "optimizer": case.optimizer,
        "hyper": json.dumps(case.hyper),
        "steps": str(case.steps),
        "seed": str(seed),
        "gradients": case.gradients.__doc__,
    }
    if case.groups:
        metadata["groups"] = json.dumps(case.groups)
    return tensors, metadata


def encode(tensors, metadata):
    """The file's bytes. safetensors writes the metadata in no fixed order; here they are sorted, so that equal data are equal files."""
    data = save(tensors, metadata)
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for the traces (default: that of this file)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("names", metavar="NAME", nargs="*", help="cases to record (default: all)")
    args = parser.parse_args()
    unknown = set(args.names) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are: {', '.join(case.name for case in CASES)}")
    for case in CASES:
        if not args.names or case.name in args.names:
            path = args.out / f"{case.name}.safetensors"
            path.write_bytes(encode(*record(case, args.seed)))
            print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
