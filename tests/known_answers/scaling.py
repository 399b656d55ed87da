"""torch's GradScaler at work on gradients that are not always finite, and gradients accumulated from micro-batches."""

import numpy as np
import torch

ELEMENTS = 9
STEPS = 120
ADAMW = {"lr": 0.01, "weight_decay": 0.05}
# Not invariant to the gradients' size, so that a sum taken for a mean is seen.
ADAM = {"lr": 0.01, "betas": [0.8, 0.95], "eps": 0.01, "weight_decay": 0.1}
DTYPES = {"param": torch.float64, "torch_f32": torch.float32}

# Steps (counted from 1) in whose gradient one element is not finite, or becomes so when it is scaled: at the first step, twice and thrice
# in a row, one step before the scale would grow, and where it would.
BROKEN = {1: np.inf, 8: np.nan, 9: -np.inf, 14: np.nan, 25: 2e37, 26: np.inf, 40: np.nan, 41: np.nan, 42: -3e37, 73: np.inf, 99: np.nan}
SCALERS = {
    "interval-5": {"growth_interval": 5},
    "default": {},
    # The 50th step is the 2000th good one in a row.
    "default-resumed": {"resume": {"scale": 1024.0, "_growth_tracker": 1950}, "broken": {70: np.inf, 99: np.nan}},
    "odd-factors": {"growth_factor": 1.7, "backoff_factor": 0.3, "growth_interval": 5},
    "growth-1": {"init_scale": 3.0, "growth_factor": 1.25, "backoff_factor": 0.9, "growth_interval": 1},
    # The scale does not grow past what float32 holds.
    "top": {"init_scale": 2.0**122, "growth_interval": 4, "gradients": 1e-4},
}


def draw(rng, size, broken):
    """Initial values and gradients, in float32."""
    gradients = (size * rng.standard_normal((STEPS, ELEMENTS))).astype(np.float32)
    for step, value in broken.items():
        gradients[step - 1, rng.integers(ELEMENTS)] = value
    return rng.standard_normal(ELEMENTS).astype(np.float32), gradients


def drive(initial, gradients, dtype, resume=None, **kwargs):
    """The scaled gradients as they are handed in, and scale, found and values after each step."""
    w = torch.nn.Parameter(torch.tensor(initial, dtype=dtype))
    optimizer = torch.optim.AdamW([w], **ADAMW)
    scaler = torch.amp.GradScaler("cpu", **kwargs)
    if resume:
        scaler.load_state_dict(scaler.state_dict() | resume)
    columns = {"scaled": [], "scale": [], "found": [], "param": []}
    for gradient in gradients:
        scaled = scaler.scale(torch.tensor(gradient))
        # A copy: float32 gradients are unscaled in place.
        columns["scaled"].append(scaled.numpy().copy())
        w.grad = scaled.to(dtype)
        scaler.unscale_(optimizer)
        # Public only as `update`'s effect on the scale; a growing scale hides it.
        found = scaler._per_optimizer_states[id(optimizer)]["found_inf_per_device"].values()
        columns["found"].append(sum(f.item() for f in found))
        scaler.step(optimizer)
        scaler.update()
        columns["scale"].append(scaler.get_scale())
        columns["param"].append(w.detach().numpy().copy())
    return {name: np.array(column) for name, column in columns.items()}


def scaler(rng):
    """`scaler.safetensors`: the scale, the skipped steps, and AdamW's values."""
    tensors, cases = {}, {}
    for name, kwargs in SCALERS.items():
        initial, gradients = draw(rng, kwargs.get("gradients", 1.0), kwargs.get("broken", BROKEN))
        kwargs = {key: value for key, value in kwargs.items() if key not in ("gradients", "broken")}
        tensors |= {f"{name}/init": initial, f"{name}/grad": gradients}
        runs = {key: drive(initial, gradients, dtype, **kwargs) for key, dtype in DTYPES.items()}
        for key in ("scaled", "scale", "found"):
            assert np.array_equal(runs["param"][key], runs["torch_f32"][key], equal_nan=True), f"{name}: {key} depends on the type"
        broken = ~np.isfinite(runs["param"]["scaled"]).all(axis=1)
        assert np.array_equal(broken, runs["param"]["found"] != 0), name
        tensors |= {f"{name}/{key}": run["param"] for key, run in runs.items()}
        tensors |= {f"{name}/{key}": runs["param"][key] for key in ("scaled", "scale", "found")}
        cases[name] = {"kwargs": kwargs, "optimizer": "AdamW", "hyper": ADAMW, "skipped": int(broken.sum())}
    return tensors, {"framework": f"torch {torch.__version__}", "cases": cases}


T, N = 40, 3
ACCUMULATED = {
    "mean": {"divide": N},
    "sum": {"divide": 1},
    "clip": {"divide": N, "max_norm": 1.0},
    "scaler": {"divide": N, "scale": 1024.0},
    "scaler-clip": {"divide": 1, "scale": 1024.0, "max_norm": 2.0},
}


def accumulate_case(initial, grads, dtype, divide, max_norm=None, scale=None):
    """Accumulates with real backward passes: the gradient of `sum(w * g)` is g."""
    w = torch.nn.Parameter(torch.tensor(initial, dtype=dtype))
    optimizer = torch.optim.Adam([w], **ADAM)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale or 1.0, growth_interval=10**9, enabled=scale is not None)
    columns = {"param": [], "grad": [], "norm": []}
    for micro in torch.tensor(grads, dtype=dtype):
        optimizer.zero_grad()
        for g in micro:
            scaler.scale((w * g).sum() / divide).backward()
        scaler.unscale_(optimizer)
        if max_norm is not None:
            columns["norm"].append(torch.nn.utils.clip_grad_norm_([w], max_norm).item())
        columns["grad"].append(w.grad.numpy().copy())
        scaler.step(optimizer)
        scaler.update()
        columns["param"].append(w.detach().numpy().copy())
    return {name: np.array(column) for name, column in columns.items() if column}


def accumulate(rng):
    """`accumulate.safetensors`: Adam on gradients accumulated from N micro-batches a step."""
    initial = rng.standard_normal(ELEMENTS).astype(np.float32)
    # Micro-batches of other sizes: the sum of one step cancels, wholly or in part.
    grads = rng.standard_normal((T, N, ELEMENTS)) * 10.0 ** rng.integers(-2, 0, (T, N, 1), endpoint=True)
    grads[10, 1:] = -grads[10, 0] / 2.0 * (1.0 + 1e-3 * rng.standard_normal((2, ELEMENTS)))
    grads[20] = 0.0
    grads = grads.astype(np.float32)
    tensors = {"init": initial, "grads": grads}
    for name, of in ACCUMULATED.items():
        truth = accumulate_case(initial, grads, torch.float64, **of)
        tensors |= {f"{name}/{key}": value for key, value in truth.items()}
        tensors[f"{name}/torch_f32"] = accumulate_case(initial, grads, torch.float32, **of)["param"]
    cases = {name: of | {"optimizer": "Adam", "hyper": ADAM} for name, of in ACCUMULATED.items()}
    return tensors, {"framework": f"torch {torch.__version__}", "cases": cases}
