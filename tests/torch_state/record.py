"""Records what torch's optimizers keep, as the files beside this one (format: README.md).

    python3 -m venv venv
    venv/bin/pip install torch numpy safetensors
    venv/bin/python tests/torch_state/record.py [--out DIR] [--seed N] [NAME...]

Each case takes ten steps in float32 and writes down its state dict after five and after ten of them. Then it goes on from the fifth step in
float64. The same seed and the same versions give the same bytes; cases do not depend on one another.
"""

import argparse
import copy
import json
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np
import torch

sys.path.append(str(Path(__file__).parent.parent / "traces"))
from generate import encode  # noqa: E402

SAVED, STEPS = 5, 10
# In two groups, and so in the order of the state dict's indices.
SHAPES = [{"fc.weight": (5, 7), "gain": (1,)}, {"emb": (3, 2, 4), "fc.bias": (7,)}]
MATRICES = [{"fc.weight": (5, 7), "tall": (7, 3)}, {"square": (4, 4), "row": (1, 6)}]


@dataclass
class Case:
    name: str
    optimizer: str
    # Of each group, and of the constructor.
    hyper: list
    default: dict = field(default_factory=dict)
    shapes: list = field(default_factory=lambda: SHAPES)
    # The steps in which a parameter has no gradient.
    absent: dict = field(default_factory=dict)
    # Whether torch is told the parameters' names.
    named: bool = False


GAPS = {"gain": [2, 4, 7], "emb": [1, 9]}
# No gradient before the state dict is written: what torch then has of the parameter differs between classes.
LATE = {"gain": [2], "fc.bias": [1, 2, 3, 4, 5, 8]}

CASES = [
    Case("sgd", "SGD", [{"lr": 0.1}, {"lr": 0.03, "weight_decay": 0.2}]),
    Case("sgd-momentum", "SGD", [{"momentum": 0.9}, {"momentum": 0.5, "weight_decay": 0.1}], {"lr": 0.05}, named=True),
    Case("sgd-nesterov", "SGD", [{}, {"momentum": 0.8, "weight_decay": 0.05}], {"lr": 0.03, "momentum": 0.95, "nesterov": True}),
    Case("sgd-dampened", "SGD", [{"dampening": 0.4}, {"dampening": 0.1, "lr": 0.02}], {"lr": 0.05, "momentum": 0.9}, absent=LATE),
    Case("sgd-maximize", "SGD", [{"momentum": 0.7}, {"lr": 0.02}], {"lr": 0.05, "maximize": True}),
    Case("adam", "Adam", [{"betas": (0.8, 0.95)}, {"eps": 1e-4, "weight_decay": 0.1}], {"lr": 1e-2}, absent=GAPS),
    Case("adam-amsgrad", "Adam", [{"amsgrad": True}, {"betas": (0.7, 0.9), "maximize": True}], {"lr": 2e-2}),
    Case("adam-decoupled", "Adam", [{"decoupled_weight_decay": True}, {}], {"lr": 1e-2, "weight_decay": 0.2}),
    Case("sparse-adam", "SparseAdam", [{"betas": (0.8, 0.95)}, {"eps": 1e-3, "lr": 5e-3}], {"lr": 1e-2}, absent=GAPS, named=True),
    Case("adamw", "AdamW", [{"weight_decay": 0.0}, {"weight_decay": 0.3, "lr": 5e-3}], {"lr": 1e-2}, named=True),
    Case("adamw-amsgrad", "AdamW", [{"betas": (0.8, 0.9)}, {"eps": 1e-3}], {"lr": 1e-2, "amsgrad": True}),
    Case("adamax", "Adamax", [{"betas": (0.8, 0.9)}, {"eps": 1e-2, "weight_decay": 0.1}], {"lr": 2e-2}, absent=GAPS),
    Case("nadam", "NAdam", [{"betas": (0.8, 0.95)}, {"momentum_decay": 0.5, "weight_decay": 0.1}], {"lr": 1e-2}, absent=LATE),
    Case("nadam-decoupled", "NAdam", [{"lr": 5e-3}, {"weight_decay": 0.3}], {"lr": 1e-2, "decoupled_weight_decay": True}),
    Case("radam", "RAdam", [{"betas": (0.8, 0.95)}, {"eps": 1e-4, "weight_decay": 0.1}], {"lr": 1e-2}, absent=GAPS),
    Case("radam-decoupled", "RAdam", [{}, {"betas": (0.5, 0.8)}], {"lr": 1e-2, "weight_decay": 0.2, "decoupled_weight_decay": True}),
    Case("rmsprop", "RMSprop", [{"alpha": 0.9}, {"eps": 1e-3, "weight_decay": 0.1}], {"lr": 2e-3}, absent=GAPS),
    Case("rmsprop-momentum", "RMSprop", [{"momentum": 0.9}, {"momentum": 0.5, "maximize": True}], {"lr": 1e-3, "alpha": 0.95}),
    Case("rmsprop-centered", "RMSprop", [{"alpha": 0.9}, {"eps": 1e-3}], {"lr": 2e-3, "centered": True}),
    Case("rmsprop-centered-momentum", "RMSprop", [{"momentum": 0.8}, {}], {"lr": 1e-3, "centered": True, "momentum": 0.3}),
    # torch takes the initial value from the constructor, whatever the second group says of itself.
    Case(
        "adagrad",
        "Adagrad",
        [{"lr_decay": 0.3}, {"eps": 1e-2, "weight_decay": 0.1, "initial_accumulator_value": 0.2}],
        {"lr": 5e-2, "initial_accumulator_value": 0.5},
        absent=LATE,
    ),
    Case("adadelta", "Adadelta", [{"rho": 0.8}, {"lr": 0.5, "eps": 1e-2, "weight_decay": 0.1}], absent=GAPS),
    Case("asgd", "ASGD", [{"lambd": 0.3}, {"t0": 2.0, "lambd": 0.1, "alpha": 0.6, "weight_decay": 0.1}], {"lr": 5e-2}, absent=LATE),
    Case("rprop", "Rprop", [{"etas": (0.4, 1.3)}, {"lr": 0.05, "step_sizes": (1e-3, 0.08)}], {"lr": 2e-2}, absent=LATE),
    Case("rprop-maximize", "Rprop", [{}, {"lr": 5e-3}], {"maximize": True}),
    Case("adafactor", "Adafactor", [{"lr": 0.3}, {"eps": (1e-4, 0.5), "beta2_decay": -0.5, "weight_decay": 0.1}], {"d": 1.1}, absent=GAPS),
    Case("muon", "Muon", [{}, {"momentum": 0.8, "nesterov": False, "weight_decay": 0.0}], {"lr": 0.02}, shapes=MATRICES),
]


def draw(case, seed):
    """Initial values, and the gradients of each step by name; one that is absent is None."""
    rng = np.random.default_rng([seed, zlib.crc32(case.name.encode())])
    shapes = case.shapes[0] | case.shapes[1]
    initial = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    gradients = []
    for step in range(1, STEPS + 1):
        drawn = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
        gradients.append({name: None if step in case.absent.get(name, []) else g for name, g in drawn.items()})
    return initial, gradients


def build(case, values, dtype):
    """The parameters by name and the optimizer."""
    params = {name: torch.nn.Parameter(torch.tensor(value, dtype=dtype)) for name, value in values.items()}
    groups = []
    for shapes, hyper in zip(case.shapes, case.hyper):
        own = [(name, params[name]) if case.named else params[name] for name in shapes]
        groups.append({"params": own, **hyper})
    return params, getattr(torch.optim, case.optimizer)(groups, **case.default)


def advance(params, optimizer, gradients):
    """One step; the values after it."""
    for name, param in params.items():
        gradient = None if gradients[name] is None else torch.tensor(gradients[name], dtype=param.dtype)
        # Of all rows: here it is what torch keeps that counts.
        is_sparse = gradient is not None and isinstance(optimizer, torch.optim.SparseAdam)
        param.grad = gradient.to_sparse(1) if is_sparse else gradient
    optimizer.step()
    return {name: param.detach().numpy().copy() for name, param in params.items()}


def truth(case, values, state, gradients):
    """The values after the last step in float64, from those of float32 after the fifth."""
    # torch keeps scalars of a parameter, and forms new ones, in this type.
    torch.set_default_dtype(torch.float64)
    params, optimizer = build(case, values, torch.float64)
    state = copy.deepcopy(state)
    for group in state["param_groups"]:
        # torch puts the epsilon of the values' type where there is None: here it is to be that of float32.
        if case.optimizer == "Adafactor" and group["eps"][0] is None:
            group["eps"] = (float(np.finfo(np.float32).eps), group["eps"][1])
    optimizer.load_state_dict(state)
    # Muon multiplies in bfloat16 whatever the values' type; the truth does not.
    with mock.patch.object(torch, "bfloat16", torch.float64):
        for now in gradients:
            values = advance(params, optimizer, now)
    torch.set_default_dtype(torch.float32)
    return values


def split(state, step):
    """A state dict's tensors by name, and the rest of it for the metadata."""
    tensors, rest = {}, {}
    for index, entries in state["state"].items():
        for key, value in entries.items():
            if torch.is_tensor(value):
                tensors[f"state{step}/{index}/{key}"] = value.numpy()
            else:
                rest.setdefault(index, {})[key] = value
    return tensors, {f"param_groups{step}": state["param_groups"], f"state_values{step}": rest}


def record(case, seed):
    """Tensors and metadata of one file."""
    initial, gradients = draw(case, seed)
    params, optimizer = build(case, initial, torch.float32)
    tensors = {f"value/{name}": value for name, value in initial.items()}
    metadata = {}
    for step, now in enumerate(gradients, 1):
        tensors |= {f"gradient/{step}/{name}": g for name, g in now.items() if g is not None}
        values = advance(params, optimizer, now)
        if step >= SAVED:
            tensors |= {f"value{step}/{name}": value for name, value in values.items()}
        if step == SAVED:
            at, saved = values, copy.deepcopy(optimizer.state_dict())
        if step in (SAVED, STEPS):
            # Copied, since the next step changes what the state dict holds.
            own, said = split(copy.deepcopy(optimizer.state_dict()), step)
            tensors, metadata = tensors | own, metadata | said
    tensors |= {f"truth{STEPS}/{name}": value for name, value in truth(case, at, saved, gradients[SAVED:]).items()}
    for name, tensor in tensors.items():
        assert np.isfinite(tensor).all(), f"{case.name}: {name} is not finite"
        assert tensor.dtype == (np.float64 if name.startswith("truth") else np.float32), f"{case.name}: {name} is {tensor.dtype}"
    metadata |= {"names": list(initial), "absent": case.absent}
    metadata = {key: json.dumps(value, allow_nan=False) for key, value in metadata.items()}
    version = torch.__version__.split("+")[0]
    return tensors, metadata | {"format": "torch-state/1", "torch": version, "class": case.optimizer, "seed": str(seed)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for the files (default: that of this file)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("names", metavar="NAME", nargs="*", help="cases to record (default: all)")
    args = parser.parse_args()
    unknown = set(args.names) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are: {', '.join(case.name for case in CASES)}")
    for case in CASES:
        if not args.names or case.name in args.names:
            tensors, metadata = record(case, args.seed)
            path = args.out / f"{case.name}.safetensors"
            path.write_bytes(encode({name: np.ascontiguousarray(t).reshape(t.shape) for name, t in tensors.items()}, metadata))
            print(f"{path.name}: {path.stat().st_size} bytes, {len(tensors)} tensors")


if __name__ == "__main__":
    main()
