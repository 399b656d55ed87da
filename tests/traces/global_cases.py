"""Cases of rules whose numbers are of all tensors, of rows, columns or blocks, or of axes: Prodigy, D-Adaptation, CAME, Adafactor in optax's form, Adam-mini, SM3; Adam
with second moments of rows; and CautiousAdan.

Each sets what no run of `independent/` does. SM3's is optax's. The other formulas are written out here in numpy, apart from the rules, with their authors' names of
hyper-parameters and states.
"""

import numpy as np

from reduction_cases import over_elements, zeros


def norm1(arrays):
    return sum(np.abs(array).sum() for array in arrays)


def inner(first, second):
    return sum((a * b).sum() for a, b in zip(first, second))


def over_all(start, formula):
    """A run in numpy over all tensors at once: `formula` changes lists of values and states, and the numbers that all have together."""

    def run(case, initial, gradients, dtype):
        names = list(initial)
        params = [initial[name].astype(dtype) for name in names]
        states = [start(param) for param in params]
        common = {"d": case.hyper["d0"], "d_max": case.hyper["d0"], "N": 0.0}
        for t, now in enumerate(gradients, 1):
            params = formula(case.hyper, t, [now[name].astype(dtype) for name in names], params, states, common)
            params = [np.asarray(param, dtype) for param in params]
            yield dict(zip(names, params)), {name: {key: np.array(x, dtype) for key, x in of.items()} for name, of in zip(names, states)}

    return run


def correction(hyper, t):
    beta1, beta2 = hyper["betas"]
    return (1 - beta2**t) ** 0.5 / (1 - beta1**t) if hyper.get("use_bias_correction") else 1.0


def prodigy(hyper, t, gradients, params, states, common):
    (beta1, beta2), d, d0 = hyper["betas"], common["d"], hyper["d0"]
    beta3 = hyper.get("beta3") or beta2**0.5
    step = d * hyper["lr"] * correction(hyper, t)
    for p, state in zip(params, states):
        state.setdefault("p0", p)
    gradients = [g + hyper["weight_decay"] * p for g, p in zip(gradients, params)]
    along = inner(gradients, [state["p0"] - p for p, state in zip(params, states)])
    common["N"] = beta3 * common["N"] + d / d0 * step * along
    for g, state in zip(gradients, states):
        state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * d * g
        state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * d * d * g * g
        state["s"] = beta3 * state["s"] + d / d0 * step * g
    estimate = hyper["d_coef"] * common["N"] / norm1(state["s"] for state in states)
    if d == d0:
        d = max(d, estimate)
    common["d_max"] = max(common["d_max"], estimate)
    common["d"] = d = min(common["d_max"], d * hyper.get("growth_rate", np.inf))
    return [p - step * state["exp_avg"] / (np.sqrt(state["exp_avg_sq"]) + d * hyper["eps"]) for p, state in zip(params, states)]


def dadapt(hyper, t, gradients, params, states, common):
    (beta1, beta2), r, eps = hyper["betas"], hyper["layer_scale"], hyper["eps"]
    beta3, d = beta2**0.5, common["d"]
    step = d * hyper["lr"] * correction(hyper, t)
    gradients = [g + hyper["weight_decay"] * p for g, p in zip(gradients, params)]
    along = r * step * inner(gradients, [state["s"] / (np.sqrt(state["exp_avg_sq"]) + eps) for state in states])
    for g, state in zip(gradients, states):
        state["exp_avg"] = beta1 * state["exp_avg"] + r * step * (1 - beta1) * g
        state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * g * g
        state["s"] = beta3 * state["s"] + (1 - beta3) * step * g
    common["N"] = beta3 * common["N"] + (1 - beta3) * along
    estimate = common["N"] / ((1 - beta3) * r * norm1(state["s"] for state in states))
    common["d"] = max(d, min(estimate, d * hyper["growth_rate"]))
    return [p - state["exp_avg"] / (np.sqrt(state["exp_avg_sq"]) + eps) for p, state in zip(params, states)]


def averaged(state, key, beta, q):
    """Mean squares of rows and columns, and the square of what is divided by."""
    for axis, end in ((-1, "row"), (-2, "col")):
        state[f"{key}_{end}"] = beta * state.get(f"{key}_{end}", 0) + (1 - beta) * q.mean(axis=axis)
    row, col = state[f"{key}_row"], state[f"{key}_col"]
    return (row / row.mean(axis=-1, keepdims=True))[..., :, None] * col[..., None, :]


def came(hyper, t, g, p, state):
    (beta1, beta2, beta3), (eps1, eps2) = hyper["betas"], hyper["eps"]
    q = g * g + eps1
    if p.ndim < 2:
        spread = state["exp_avg_sq"] = beta2 * state.get("exp_avg_sq", 0) + (1 - beta2) * q
    else:
        spread = averaged(state, "exp_avg_sq", beta2, q)
    u = g / np.sqrt(spread)
    u = u / max(1, np.sqrt(np.mean(u * u)) / hyper["clip_threshold"])
    m = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * u
    step = m if p.ndim < 2 else m / np.sqrt(averaged(state, "exp_avg_res", beta3, (u - m) ** 2 + eps2))
    p = p - hyper["lr"] * hyper["weight_decay"] * p
    return p - hyper["lr"] * step


def adafactor(hyper, t, g, p, state):
    """Of optax, not factored: the tensors are small."""
    weight = max(t - hyper["decay_offset"], 1) ** -hyper["decay_rate"]
    state["v"] = state["v"] + weight * (g * g + hyper["eps"] - state["v"])
    u = g / np.sqrt(state["v"])
    u = u / max(1, np.sqrt(np.mean(u * u)) / hyper["clipping_threshold"])
    return p - hyper["learning_rate"] * max(np.sqrt(np.mean(p * p)), 1e-3) * u


def adam_mini(hyper, t, g, p, state):
    """Blocks are rows; a vector is one."""
    beta1, beta2 = hyper["betas"]
    g = -g if hyper["maximize"] else g
    m = state["m"] = beta1 * state["m"] + (1 - beta1) * g
    mean = np.mean(g * g, axis=-1, keepdims=True) if p.ndim > 0 else g * g
    v = state["vmean"] = beta2 * state.get("vmean", 0) + (1 - beta2) * mean
    p = p - hyper["lr"] * hyper["weight_decay"] * p
    return p - hyper["lr"] * m / (1 - beta1**t) / (np.sqrt(v) / (1 - beta2**t) ** 0.5 + hyper["eps"])


def by_rows(decoupled):
    """Adam with one second moment for each row of the first dimension, where there are more."""

    def formula(hyper, t, g, p, state):
        (beta1, beta2), lr = hyper["betas"], hyper["lr"]
        if not decoupled:
            g = g + hyper["weight_decay"] * p
        q = g * g
        if p.ndim > 1:
            q = q.reshape(len(q), -1).mean(axis=1).reshape(-1, *[1] * (p.ndim - 1))
        key = "exp_avg_sq_row" if p.ndim > 1 else "exp_avg_sq"
        m = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * g
        v = state[key] = beta2 * state.get(key, 0) + (1 - beta2) * q
        if decoupled:
            p = p - lr * hyper["weight_decay"] * p
        return p - lr / (1 - beta1**t) * m / (np.sqrt(v) / (1 - beta2**t) ** 0.5 + hyper["eps"])

    return formula


def cautious_adan(hyper, t, g, p, state):
    beta1, beta2, beta3 = hyper["betas"]
    g = -g if hyper.get("maximize") else g
    difference = g - state["last"] if t > 1 else 0 * g
    state["last"] = g
    m = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * g
    d = state["exp_avg_diff"] = beta2 * state["exp_avg_diff"] + (1 - beta2) * difference
    n = state["exp_avg_sq"] = beta3 * state["exp_avg_sq"] + (1 - beta3) * (g + beta2 * difference) ** 2
    u = (m / (1 - beta1**t) + beta2 * d / (1 - beta2**t)) / (np.sqrt(n) / (1 - beta3**t) ** 0.5 + hyper["eps"])
    agrees = (u * g > 0).astype(p.dtype)
    u = u * (agrees / max(agrees.mean(), 1e-3))
    if hyper["weight_decouple"]:
        return p - hyper["lr"] * hyper["weight_decay"] * p - hyper["lr"] * u
    return (p - hyper["lr"] * u) / (1 + hyper["lr"] * hyper["weight_decay"])


def cases(Case, normal, alternating, drifting):
    """The cases, made of what generate.py has."""
    SHAPES = {"scale": (), "bias": (7,), "weight": (9, 5), "batch": (2, 3, 4)}
    # The estimates grow where the gradients have a direction.
    ESTIMATED = {"bias": (7,), "weight": (9, 5)}

    def numpys(name, optimizer, run, hyper, gradients=normal, shapes=SHAPES, steps=12):
        return Case(name, optimizer, hyper, gradients, shapes, steps, framework="numpy", run=run)

    estimates = zeros("exp_avg", "exp_avg_sq", "s")
    larger = {"lr": 0.5, "betas": [0.8, 0.95], "eps": 0.2, "weight_decay": 0.05, "decouple": False}
    adan = {"lr": 2e-2, "betas": [0.9, 0.8, 0.95], "eps": 0.1, "weight_decay": 0.2}
    means = over_elements(zeros("exp_avg", "exp_avg_diff", "exp_avg_sq", "last"), cautious_adan)
    rows = {"lr": 2e-2, "betas": [0.8, 0.95], "eps": 1e-2, "weight_decay": 0.1, "second_moment_per_row": True}
    return [
        numpys("adam-rows", "Adam", over_elements(zeros("exp_avg"), by_rows(False)), rows),
        numpys("adamw-rows", "AdamW", over_elements(zeros("exp_avg"), by_rows(True)), rows),
        numpys(
            "prodigy-changed", "Prodigy", over_all(estimates, prodigy), {**larger, "beta3": 0.9, "d0": 0.01, "d_coef": 0.7}, drifting, ESTIMATED, 16
        ),
        numpys(
            "dadapt-adam-changed",
            "DAdaptAdam",
            over_all(estimates, dadapt),
            {**larger, "d0": 0.01, "growth_rate": 1.05, "layer_scale": 0.6},
            drifting,
            ESTIMATED,
            16,
        ),
        numpys(
            "came-changed",
            "CAME",
            over_elements(zeros("exp_avg"), came),
            {"lr": 1e-3, "betas": [0.8, 0.9, 0.95], "eps": [0.1, 0.05], "clip_threshold": 0.5, "weight_decay": 0.1},
        ),
        numpys(
            "adafactor-offset",
            "adafactor",
            over_elements(zeros("v"), adafactor),
            {"learning_rate": 0.05, "decay_rate": 0.7, "decay_offset": 3, "clipping_threshold": 0.5, "eps": 0.1},
        ),
        numpys(
            "adam-mini-changed",
            "Adam_mini",
            over_elements(zeros("m"), adam_mini),
            {"lr": 2e-2, "betas": [0.8, 0.95], "eps": 0.1, "weight_decay": 0.1, "maximize": True},
        ),
        Case("optax-sm3-changed", "sm3", {"learning_rate": 0.05, "momentum": 0.6}, normal, SHAPES | {"scale": (1,)}, framework="optax"),
        numpys("cautious-adan-changed", "CautiousAdan", means, {**adan, "weight_decouple": False, "maximize": True}),
        numpys("cautious-adan-no-prox", "CautiousAdan", means, {**adan, "weight_decouple": True}, alternating),
    ]
