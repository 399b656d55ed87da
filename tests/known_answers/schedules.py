"""The learning rates of torch's schedulers over 100,000 steps."""

import math
from bisect import bisect_right

import numpy as np
import torch
from torch.optim import lr_scheduler

STEPS = 100_000


def noam(s, d_model, warmup, factor):
    return factor * d_model**-0.5 * min((s + 1) ** -0.5, (s + 1) * warmup**-1.5)


def piecewise_linear(s, points):
    if s <= points[0][0]:
        return points[0][1]
    for (from_step, start), (to_step, end) in zip(points, points[1:]):
        if s < to_step:
            return start + (end - start) * (s - from_step) / (to_step - from_step)
    return points[-1][1]


def warmup_stable_decay(s, warmup, stable, decay, end, shape):
    if s < warmup:
        return (s + 1) / warmup
    past = min(max(s - warmup - stable, 0) / decay, 1.0)
    return end + (1.0 - end) * (1.0 - (past if shape == "linear" else math.sqrt(past)))


# Each: the function of the step that LambdaLR multiplies the base rate by, and the same in words.
LAMBDAS = {
    "noam": (noam, "lr = base_lr * factor * d_model^-0.5 * min((s+1)^-0.5, (s+1) * warmup^-1.5)"),
    "piecewise_linear": (
        piecewise_linear,
        "lr = base_lr * f(s); points are [step, f]: straight lines between them, the first and the last f before and after",
    ),
    "warmup_stable_decay": (
        warmup_stable_decay,
        "lr = base_lr * f(s); s < warmup: f = (s+1)/warmup; else x = min(max(s-warmup-stable, 0)/decay, 1) and"
        " f = end + (1-end)*(1-x) for shape linear, end + (1-end)*(1-sqrt(x)) for shape sqrt",
    ),
}


def case(scheduler, base_lr, kwargs, boundaries=(), **more):
    """One scheduler's case and the steps at which something happens in it; those are recorded with their neighbours."""
    return {"scheduler": scheduler, "base_lr": base_lr, "kwargs": kwargs, **more}, list(boundaries)


def sequential(base_lr, milestones, *children, boundaries=()):
    children = [{"scheduler": scheduler, "kwargs": kwargs} for scheduler, kwargs in children]
    return case("Sequential", base_lr, {}, [*milestones, *boundaries], children=children, milestones=milestones)


def one_cycle(boundaries, **kwargs):
    return case("OneCycleLR", 0.1, {"max_lr": 0.3, "total_steps": STEPS, **kwargs}, boundaries)


def restarts(T_0, T_mult):
    """The steps at which CosineAnnealingWarmRestarts starts anew."""
    at, steps = T_0, []
    while at < STEPS:
        steps.append(at)
        T_0 *= T_mult
        at += T_0
    return steps


POINTS = [[0, 0.0], [2000, 1.0], [30000, 0.25], [70000, 0.25], [90000, 0.01]]
WSD = {"warmup": 2000, "stable": 78000, "decay": 15000}
CASES = {
    "constant": case("ConstantLR", 0.3, {"factor": 0.1, "total_iters": 20000}, [20000]),
    "linear-up": case("LinearLR", 1e-3, {"start_factor": 1e-3, "end_factor": 1.0, "total_iters": 4000}, [4000]),
    "linear-down": case("LinearLR", 0.1, {"start_factor": 1.0, "end_factor": 0.05, "total_iters": 90000}, [90000]),
    "step": case("StepLR", 0.1, {"step_size": 7000, "gamma": 0.7}, range(7000, STEPS, 7000)),
    "multistep": case("MultiStepLR", 0.1, {"milestones": [100, 5000, 40000, 90000], "gamma": 0.3}, [100, 5000, 40000, 90000]),
    "multistep-twice": case("MultiStepLR", 0.1, {"milestones": [400, 30000, 30000], "gamma": 0.5}, [400, 30000]),
    "exponential": case("ExponentialLR", 0.1, {"gamma": 0.9999}),
    "exponential-growing": case("ExponentialLR", 1e-4, {"gamma": 1.00002}),
    "polynomial": case("PolynomialLR", 0.1, {"total_iters": 60000, "power": 1.0}, [60000]),
    "polynomial-2.5": case("PolynomialLR", 0.1, {"total_iters": 60000, "power": 2.5}, [60000]),
    "polynomial-0.5": case("PolynomialLR", 0.1, {"total_iters": STEPS, "power": 0.5}),
    "cosine": case("CosineAnnealingLR", 3e-4, {"T_max": STEPS, "eta_min": 0.0}),
    "cosine-eta": case("CosineAnnealingLR", 3e-4, {"T_max": STEPS, "eta_min": 1e-5}),
    "cosine-past-end": case("CosineAnnealingLR", 3e-4, {"T_max": 30000, "eta_min": 1e-5}, [30000, 60000, 90000]),
    "restarts": case("CosineAnnealingWarmRestarts", 0.1, {"T_0": 1000, "T_mult": 1}, restarts(1000, 1)),
    "restarts-double": case("CosineAnnealingWarmRestarts", 0.1, {"T_0": 100, "T_mult": 2}, restarts(100, 2)),
    "restarts-eta": case("CosineAnnealingWarmRestarts", 0.1, {"T_0": 300, "T_mult": 3, "eta_min": 1e-3}, restarts(300, 3)),
    "onecycle-cos": one_cycle([29999], pct_start=0.3),
    "onecycle-linear": one_cycle([11999], pct_start=0.12, anneal_strategy="linear", div_factor=10.0, final_div_factor=100.0),
    "onecycle-three-phase": one_cycle([24999, 49998], pct_start=0.25, three_phase=True, div_factor=20.0, final_div_factor=500.0),
    "onecycle-cos-momentum": one_cycle([29999], pct_start=0.3, base_momentum=0.8, max_momentum=0.97, value="momentum"),
    "onecycle-three-phase-momentum": one_cycle(
        [24999, 49998], pct_start=0.25, three_phase=True, anneal_strategy="linear", value="momentum"
    ),
    "noam": case("LambdaLR", 1.0, {"lambda": "noam", "d_model": 512, "warmup": 4000, "factor": 2.0}, [3999]),
    "piecewise": case("LambdaLR", 0.02, {"lambda": "piecewise_linear", "points": POINTS}, [step for step, _ in POINTS]),
    "wsd-linear": case(
        "LambdaLR", 1e-3, {"lambda": "warmup_stable_decay", **WSD, "end": 0.1, "shape": "linear"}, [1999, 2000, 80000, 95000]
    ),
    "wsd-sqrt": case("LambdaLR", 1e-3, {"lambda": "warmup_stable_decay", **WSD, "end": 0.0, "shape": "sqrt"}, [1999, 2000, 80000, 95000]),
    "sequential-warmup-cosine": sequential(
        1e-3,
        [2000],
        ("LinearLR", {"start_factor": 1e-3, "end_factor": 1.0, "total_iters": 2000}),
        ("CosineAnnealingLR", {"T_max": 98000, "eta_min": 1e-6}),
    ),
    "sequential-three": sequential(
        0.1,
        [1000, 40000],
        ("LinearLR", {"start_factor": 0.01, "end_factor": 1.0, "total_iters": 1000}),
        ("ConstantLR", {"factor": 1.0, "total_iters": 0}),
        ("ExponentialLR", {"gamma": 0.99995}),
    ),
    # The warm-up is cut off before its end, the constant rate ends within its part, and so do the steps.
    "sequential-cut": sequential(
        0.1,
        [1000, 40000],
        ("LinearLR", {"start_factor": 0.01, "end_factor": 0.8, "total_iters": 1500}),
        ("ConstantLR", {"factor": 0.5, "total_iters": 20000}),
        ("StepLR", {"step_size": 9000, "gamma": 0.6}),
        boundaries=[21000, *range(49000, STEPS, 9000)],
    ),
}


def build(scheduler, optimizer, kwargs):
    # `value` and `formula` are for the reader of the file: torch does not take them.
    kwargs = {key: value for key, value in kwargs.items() if key not in ("value", "formula")}
    if scheduler == "LambdaLR":
        function, _ = LAMBDAS[kwargs.pop("lambda")]
        return lr_scheduler.LambdaLR(optimizer, lambda s: function(s, **kwargs))
    return getattr(lr_scheduler, scheduler)(optimizer, **kwargs)


def closed_form(scheduler):
    """The rate by torch's own formula for a step taken alone, or None: the recursive forms drift away from it."""
    if isinstance(scheduler, lr_scheduler.SequentialLR):
        scheduler = scheduler._schedulers[bisect_right(scheduler._milestones, scheduler.last_epoch)]
    return scheduler._get_closed_form_lr()[0] if hasattr(scheduler, "_get_closed_form_lr") else None


def sampled(boundaries):
    """The recorded steps."""
    geometric = np.geomspace(300, STEPS - 1, 400).round().astype(int)
    near = [step + offset for step in boundaries for offset in range(-2, 3)]
    steps = {*range(301), *geometric.tolist(), *near, *range(STEPS - 50, STEPS)}
    return [step for step in sorted(steps) if 0 <= step < STEPS]


def run(of, steps):
    """The value in force at each of these steps, and the largest distance to the closed form relative to the base rate."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=of["base_lr"], momentum=0.9)
    if of["scheduler"] == "Sequential":
        children = [build(child["scheduler"], optimizer, child["kwargs"]) for child in of["children"]]
        scheduler = lr_scheduler.SequentialLR(optimizer, children, of["milestones"])
    else:
        scheduler = build(of["scheduler"], optimizer, of["kwargs"])
    wanted, values, drift = set(steps), [], None
    # The schedulers only want to know that it was called; there are no gradients.
    optimizer.step()
    for step in range(STEPS):
        if step in wanted:
            values.append(optimizer.param_groups[0][of["kwargs"].get("value", "lr")])
            closed = closed_form(scheduler)
            if closed is not None:
                drift = max(drift or 0.0, abs(values[-1] - closed) / of["base_lr"])
        if step + 1 < STEPS:
            scheduler.step()
    return values, drift


def schedules(_):
    """`schedules.safetensors`: the rate in force for the optimizer's step of that index, before the scheduler's step that follows it."""
    tensors, cases = {}, {}
    for name, (of, boundaries) in CASES.items():
        if "lambda" in of["kwargs"]:
            of = of | {"kwargs": of["kwargs"] | {"formula": LAMBDAS[of["kwargs"]["lambda"]][1]}}
        steps = sampled(boundaries)
        values, drift = run(of, steps)
        assert np.isfinite(values).all(), name
        tensors[f"{name}/steps"] = np.array(steps, np.int64)
        tensors[f"{name}/lr"] = np.array(values, np.float64)
        cases[name] = of if drift is None else of | {"drift": drift}
    return tensors, {"framework": f"torch {torch.__version__}", "cases": cases}
