"""torch's ReduceLROnPlateau, fed with metrics that improve, stall, jump and break."""

import numpy as np
import torch

METRICS = 200


def losses(rng):
    """Falls in stages: each stage improves for a while, stalls at its floor, and shakes a little. Two values are NaN, one is infinite."""
    at = np.arange(METRICS)
    values = 2.0 * 0.5 ** (at // 40) * (1.0 + np.exp(-(at % 40) / 2.0)) * (1.0 + 2e-3 * rng.standard_normal(METRICS))
    values[[57, 140]] = np.nan
    values[101] = np.inf
    return values


def scores(rng):
    """Rises towards 1 and stalls there, with noise; begins with a NaN."""
    at = np.arange(METRICS)
    values = 0.9 - 0.8 * np.exp(-at / 15.0) + 0.02 * rng.standard_normal(METRICS)
    values[[0, 90]] = np.nan
    return values


def likelihoods(rng):
    """Negative and rising: a relative threshold then asks for less than the best, not more."""
    at = np.arange(METRICS)
    values = -5.0 * np.exp(-at / 40.0) - 0.5 + 0.05 * rng.standard_normal(METRICS)
    values[120] = np.nan
    return values


CASES = {
    "default": (losses, 0.1, {}),
    "min-rel": (losses, 0.1, {"mode": "min", "threshold_mode": "rel", "threshold": 0.02, "factor": 0.5, "patience": 3}),
    "min-abs": (losses, 0.1, {"mode": "min", "threshold_mode": "abs", "threshold": 0.01, "factor": 0.7, "patience": 4}),
    "max-rel": (scores, 0.1, {"mode": "max", "threshold_mode": "rel", "threshold": 0.005, "factor": 0.6, "patience": 5}),
    "max-abs": (scores, 0.1, {"mode": "max", "threshold_mode": "abs", "threshold": 0.01, "factor": 0.8, "patience": 2}),
    "max-rel-negative": (likelihoods, 0.1, {"mode": "max", "threshold_mode": "rel", "threshold": 0.05, "factor": 0.5, "patience": 4}),
    "cooldown": (losses, 0.1, {"factor": 0.5, "patience": 2, "cooldown": 7}),
    "min-lr": (losses, 0.1, {"factor": 0.3, "patience": 2, "min_lr": 2e-3}),
    # A reduction by no more than eps is not made, however often it is due.
    "eps": (losses, 0.1, {"factor": 0.5, "patience": 1, "eps": 1e-3}),
    "patience-0": (losses, 1.0, {"factor": 0.9, "patience": 0, "threshold": 0.0}),
    "patience-0-cooldown": (scores, 1.0, {"mode": "max", "factor": 0.9, "patience": 0, "cooldown": 3}),
}


def plateau(rng):
    """`plateau.safetensors`: the rate after each `step(metric)`. Metrics have float32 values, so that a narrower reader sees the same."""
    tensors, cases = {}, {}
    for name, (draw, base_lr, kwargs) in CASES.items():
        metrics = draw(rng).astype(np.float32).astype(np.float64)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base_lr)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **kwargs)
        rates = []
        for metric in metrics:
            scheduler.step(metric)
            rates.append(optimizer.param_groups[0]["lr"])
        assert len(set(rates)) > 2, f"{name} hardly changes"
        tensors[f"{name}/metric"] = metrics
        tensors[f"{name}/lr"] = np.array(rates)
        cases[name] = {"kwargs": kwargs, "base_lr": base_lr}
    return tensors, {"framework": f"torch {torch.__version__}", "cases": cases}
