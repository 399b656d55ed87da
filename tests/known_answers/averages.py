"""Averages of the weights of an AdamW run (torch.optim.swa_utils), and optax's lookahead."""

import jax
import numpy as np
import optax
import torch
from torch.optim import swa_utils

jax.config.update("jax_enable_x64", True)

ELEMENTS, STEPS = 12, 60
ADAMW = {"lr": 0.05, "betas": [0.9, 0.99], "weight_decay": 0.1}
WARM_UP_DECAY = 0.8


def warm_up(average, value, updates):
    """An exponential average whose decay grows to WARM_UP_DECAY with the number of updates before this one."""
    updates = int(updates)
    decay = min(WARM_UP_DECAY, (1 + updates) / (10 + updates))
    return decay * average + (1.0 - decay) * value


EVERY_STEP = {"first": 1, "every": 1}
# Each: what AveragedModel is given, and what the file says of it.
AVERAGES = {
    "ema-0.9": ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.9)}, {"average": "ema", "decay": 0.9, **EVERY_STEP}),
    "ema-0.999": ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.999)}, {"average": "ema", "decay": 0.999, **EVERY_STEP}),
    "ema-late": ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.8)}, {"average": "ema", "decay": 0.8, "first": 7, "every": 4}),
    "ema-warm-up": (
        {"avg_fn": warm_up},
        {"average": "ema", "decay": WARM_UP_DECAY, "formula": "decay_n = min(decay, (1+n)/(10+n)), n earlier updates", **EVERY_STEP},
    ),
    "swa": ({}, {"average": "swa", "first": 10, "every": 3}),
    "swa-all": ({}, {"average": "swa", **EVERY_STEP}),
}
LOOKAHEADS = {
    "lookahead": {"sync_period": 5, "slow_step_size": 0.5},
    "lookahead-reset": {"sync_period": 4, "slow_step_size": 0.8, "reset_state": True},
}
SGD = {"learning_rate": 0.05, "momentum": 0.9}


def draw(rng):
    """Initial values and gradients in float32: a slow sine, different in each element, plus noise."""
    at = np.arange(1, STEPS + 1).reshape(-1, 1)
    gradients = np.sin(at / 9.0 + np.arange(ELEMENTS)) + 0.3 * rng.standard_normal((STEPS, ELEMENTS))
    return rng.standard_normal(ELEMENTS).astype(np.float32), gradients.astype(np.float32)


def run_averages(initial, gradients):
    """AdamW's values and all averages after each step, in float64."""
    model = torch.nn.ParameterList([torch.tensor(initial, dtype=torch.float64)])
    optimizer = torch.optim.AdamW(model.parameters(), **ADAMW)
    averaged = {name: swa_utils.AveragedModel(model, **given) for name, (given, _) in AVERAGES.items()}
    columns = {"param": []} | {f"{name}/average": [] for name in AVERAGES}
    for step, gradient in enumerate(gradients, 1):
        model[0].grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        columns["param"].append(model[0].detach().numpy().copy())
        for name, (_, said) in AVERAGES.items():
            if step >= said["first"] and (step - said["first"]) % said["every"] == 0:
                averaged[name].update_parameters(model)
            columns[f"{name}/average"].append(averaged[name].module[0].detach().numpy().copy())
    return {name: np.array(column) for name, column in columns.items()}


def run_lookahead(initial, gradients, **kwargs):
    """Both sets of values after each step, in float64."""
    optimizer = optax.lookahead(optax.sgd(**SGD), **kwargs)
    params = optax.LookaheadParams.init_synced(jax.numpy.asarray(initial, np.float64))
    state, fast, slow = optimizer.init(params), [], []
    for gradient in gradients:
        updates, state = optimizer.update(jax.numpy.asarray(gradient, np.float64), state, params)
        params = optax.apply_updates(params, updates)
        fast.append(np.asarray(params.fast))
        slow.append(np.asarray(params.slow))
    return {"fast": np.array(fast), "slow": np.array(slow)}


def averages(rng):
    """`averages.safetensors`: AdamW's values, their averages, and lookahead around SGD."""
    initial, gradients = draw(rng)
    tensors = {"init": initial, "grad": gradients} | run_averages(initial, gradients)
    cases = {name: said for name, (_, said) in AVERAGES.items()}
    for name, kwargs in LOOKAHEADS.items():
        initial, gradients = draw(rng)
        tensors |= {f"{name}/init": initial, f"{name}/grad": gradients}
        tensors |= {f"{name}/{key}": value for key, value in run_lookahead(initial, gradients, **kwargs).items()}
        cases[name] = {"average": "lookahead", "kwargs": kwargs, "optimizer": "sgd", "hyper": SGD}
    return tensors, {
        "framework": f"torch {torch.__version__}, optax {optax.__version__}",
        "optimizer": "AdamW",
        "hyper": ADAMW,
        "updates": (
            "Steps count from 1. An average is updated right after the optimizer's step t, with the new values, for t = first,"
            " first + every, and so on; its first update copies the values, and before that it is init. Row t - 1 is what holds"
            " after step t and its update."
            " Lookahead synchronises within steps sync_period, 2 * sync_period, ...: slow += slow_step_size * (fast - slow) with fast after"
            " SGD's own step, then fast = slow; SGD's momentum goes on, or is set to zero with reset_state."
        ),
        "cases": cases,
    }
