"""What torch keeps and what this crate keeps, one from the other, and the crate's rules in numpy: README.md's table as a program.

Ours of a parameter is `{"steps": t, "states": {name: array}, "scalars": {name: number}}`, all in float64, with the names of `src/rules`. The
scalars are those that a rule carries from step to step; it forms the others anew.
"""

import numpy as np

# The key in torch's state: our state's name.
STATES = {
    "SGD": {"momentum_buffer": "b"},
    "Adam": {"exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "max_v"},
    "SparseAdam": {"exp_avg": "m", "exp_avg_sq": "v"},
    "AdamW": {"exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "max_v"},
    "Adamax": {"exp_avg": "m", "exp_inf": "u"},
    "NAdam": {"exp_avg": "m", "exp_avg_sq": "v"},
    "RAdam": {"exp_avg": "m", "exp_avg_sq": "v"},
    "RMSprop": {"square_avg": "v", "grad_avg": "a", "momentum_buffer": "b"},
    "Adagrad": {"sum": "sum"},
    "Adadelta": {"square_avg": "v", "acc_delta": "u"},
    "ASGD": {"ax": "ax"},
    "Rprop": {"prev": "prev", "step_size": "step_size"},
    "Adafactor": {"row_var": "row_var", "col_var": "col_var", "variance": "variance"},
}


def used(optimizer, group, shape):
    """torch's keys of the states that these hyper-parameters need."""
    matrix = len(shape) > 1
    needed = {
        ("SGD", "momentum_buffer"): group.get("momentum"),
        ("RMSprop", "grad_avg"): group.get("centered"),
        ("RMSprop", "momentum_buffer"): group.get("momentum"),
        ("Adam", "max_exp_avg_sq"): group.get("amsgrad"),
        ("AdamW", "max_exp_avg_sq"): group.get("amsgrad"),
        ("Adafactor", "row_var"): matrix,
        ("Adafactor", "col_var"): matrix,
        ("Adafactor", "variance"): not matrix,
    }
    return [key for key in STATES[optimizer] if needed.get((optimizer, key), True)]


def torch_shape(key, shape):
    """The shape that torch gives a state of a parameter of this shape."""
    if key == "row_var":
        return shape[:-1] + (1,)
    return shape[:-2] + (1, shape[-1]) if key == "col_var" else shape


def to_ours(optimizer, group, shape, entries):
    """From torch's state of a parameter, {} where there is none."""
    entries = {key: value for key, value in entries.items() if value is not None}
    keys = used(optimizer, group, shape)
    # SGD has no count; a buffer says that there was a step, and our rule asks no more.
    steps = int("momentum_buffer" in entries) if optimizer == "SGD" else int(entries.get("step", 0))
    ours = {STATES[optimizer][key]: np.zeros(int(np.prod(torch_shape(key, shape)))) for key in keys}
    # Also where torch has a `sum` before the first step.
    if entries and (optimizer != "SGD" or keys):
        ours = {STATES[optimizer][key]: entries[key].astype(np.float64).ravel() for key in keys}
    if optimizer == "Adagrad" and entries and steps == 0:
        # Our first step adds the group's initial value.
        ours["sum"] = ours["sum"] - group["initial_accumulator_value"]
    scalars = {}
    if optimizer == "NAdam":
        scalars["rest_product"] = 1.0 - float(entries.get("mu_product", 1.0))
    if optimizer == "ASGD":
        scalars = {key: float(entries.get(key, 0.0)) for key in ("eta", "mu")}
    return {"steps": steps, "states": ours, "scalars": scalars}


def to_torch(optimizer, group, shape, ours):
    """torch's state of a parameter, {} where it has none."""
    steps, states = ours["steps"], ours["states"]
    if steps == 0 and optimizer != "Adagrad":
        return {}
    entries = {key: states[STATES[optimizer][key]].reshape(torch_shape(key, shape)) for key in used(optimizer, group, shape)}
    if optimizer == "Adagrad" and steps == 0:
        entries["sum"] = entries["sum"] + group["initial_accumulator_value"]
    if optimizer != "SGD":
        entries["step"] = np.float64(steps)
    if optimizer == "NAdam":
        entries["mu_product"] = np.float64(1.0 - ours["scalars"]["rest_product"])
    if optimizer == "ASGD":
        entries |= {key: np.float64(ours["scalars"][key]) for key in ("eta", "mu")}
    return entries


def average(old, new, beta):
    return beta * old + (1.0 - beta) * new


def sgd(h, t, last, s, g, p):
    if h["momentum"] == 0:
        return -h["lr"] * g
    s["b"] = g.ravel() if t == 1 else h["momentum"] * s["b"] + (1.0 - h["dampening"]) * g.ravel()
    b = s["b"].reshape(p.shape)
    return -h["lr"] * (g + h["momentum"] * b if h["nesterov"] else b)


def adam(h, t, last, s, g, p):
    beta1, beta2 = h["betas"]
    s["m"], s["v"] = average(s["m"], g, beta1), average(s["v"], g * g, beta2)
    v = s["v"]
    if h["amsgrad"]:
        v = s["max_v"] = np.maximum(s["max_v"], v)
    return -h["lr"] / (1.0 - beta1**t) * s["m"] / (np.sqrt(v) / np.sqrt(1.0 - beta2**t) + h["eps"])


def sparse_adam(h, t, last, s, g, p):
    beta1, beta2 = h["betas"]
    s["m"], s["v"] = average(s["m"], g, beta1), average(s["v"], g * g, beta2)
    size = h["lr"] * np.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
    return -size * s["m"] / (np.sqrt(s["v"]) + h["eps"])


def adamax(h, t, last, s, g, p):
    beta1, beta2 = h["betas"]
    s["m"], s["u"] = average(s["m"], g, beta1), np.maximum(beta2 * s["u"], np.abs(g) + h["eps"])
    return -h["lr"] / (1.0 - beta1**t) * s["m"] / s["u"]


def nadam(h, t, last, s, g, p):
    beta1, beta2 = h["betas"]
    mu, next_mu = (beta1 * (1.0 - 0.5 * 0.96 ** (step * h["momentum_decay"])) for step in (t, t + 1))
    rest = last["rest_product"] = (1.0 - mu) + mu * last["rest_product"]
    next_rest = (1.0 - next_mu) + next_mu * rest
    s["m"], s["v"] = average(s["m"], g, beta1), average(s["v"], g * g, beta2)
    root = np.sqrt(s["v"] / (1.0 - beta2**t)) + h["eps"]
    return -h["lr"] * ((1.0 - mu) / rest * g + next_mu / next_rest * s["m"]) / root


def radam(h, t, last, s, g, p):
    beta1, beta2 = h["betas"]
    s["m"], s["v"] = average(s["m"], g, beta1), average(s["v"], g * g, beta2)
    step = -h["lr"] / (1.0 - beta1**t) * s["m"]
    end = 2.0 / (1.0 - beta2) - 1.0
    rho = end - 2.0 * t * beta2**t / (1.0 - beta2**t)
    if rho <= 5.0:
        return step
    rectifier = np.sqrt((rho - 4.0) * (rho - 2.0) * end / ((end - 4.0) * (end - 2.0) * rho) * (1.0 - beta2**t))
    return step * rectifier / (np.sqrt(s["v"]) + h["eps"])


def rmsprop(h, t, last, s, g, p):
    s["v"] = average(s["v"], g * g, h["alpha"])
    variance = s["v"]
    if h["centered"]:
        s["a"] = average(s["a"], g, h["alpha"])
        variance = np.maximum(variance - s["a"] ** 2, 0.0)
    step = g / (np.sqrt(variance) + h["eps"])
    if h["momentum"]:
        step = s["b"] = h["momentum"] * s["b"] + step
    return -h["lr"] * step


def adagrad(h, t, last, s, g, p):
    s["sum"] = s["sum"] + (h["initial_accumulator_value"] if t == 1 else 0.0) + g * g
    return -h["lr"] / (1.0 + (t - 1) * h["lr_decay"]) * g / (np.sqrt(s["sum"]) + h["eps"])


def adadelta(h, t, last, s, g, p):
    s["v"] = average(s["v"], g * g, h["rho"])
    delta = np.sqrt(s["u"] + h["eps"]) / np.sqrt(s["v"] + h["eps"]) * g
    s["u"] = average(s["u"], delta * delta, h["rho"])
    return -h["lr"] * delta


def asgd(h, t, last, s, g, p):
    eta, mu = (h["lr"], 1.0) if t == 1 else (last["eta"], last["mu"])
    step = -eta * (g + h["lambd"] * p)
    s["ax"] = s["ax"] + mu * (p + step - s["ax"])
    last["eta"], last["mu"] = h["lr"] / (1.0 + h["lambd"] * h["lr"] * t) ** h["alpha"], 1.0 / max(1.0, t - h["t0"])
    return step


def rprop(h, t, last, s, g, p):
    agreement = np.sign(g) * np.sign(s["prev"])
    factor = np.select([agreement > 0, agreement < 0], [h["etas"][1], h["etas"][0]], 1.0)
    s["step_size"] = np.clip((s["step_size"] + (h["lr"] if t == 1 else 0.0)) * factor, *h["step_sizes"])
    s["prev"] = np.where(agreement < 0, 0.0, g)
    return -np.sign(s["prev"]) * s["step_size"]


def adafactor(h, t, last, s, g, p):
    eps1, eps2 = h["eps"]
    eps1 = float(np.finfo(np.float32).eps) if eps1 is None else eps1
    weight = t ** h["beta2_decay"]
    if g.ndim > 1:
        s["row_var"] = average(s["row_var"], np.mean(g * g, -1).ravel(), 1.0 - weight)
        s["col_var"] = average(s["col_var"], np.mean(g * g, -2).ravel(), 1.0 - weight)
        rows, columns = (s[key].reshape(torch_shape(key, g.shape)) for key in ("row_var", "col_var"))
        v = rows / np.maximum(np.mean(rows, -2, keepdims=True), eps1) * columns
    else:
        v = s["variance"] = average(s["variance"], g * g, 1.0 - weight)
    update = g / np.maximum(np.sqrt(v), eps1)
    size = max(eps2, np.sqrt(np.mean(p * p))) * min(h["lr"], 1.0 / np.sqrt(t))
    return -size * update / max(1.0, np.sqrt(np.mean(update * update)) / h["d"])


RULES = {
    "SGD": sgd,
    "Adam": adam,
    "SparseAdam": sparse_adam,
    "AdamW": adam,
    "Adamax": adamax,
    "NAdam": nadam,
    "RAdam": radam,
    "RMSprop": rmsprop,
    "Adagrad": adagrad,
    "Adadelta": adadelta,
    "ASGD": asgd,
    "Rprop": rprop,
    "Adafactor": adafactor,
}


def advance(optimizer, h, ours, g, p):
    """The values after a step; changes `ours`, whose states of elements are flat."""
    ours["steps"] += 1
    g = -g if h["maximize"] else g
    decay = h.get("weight_decay", 0.0)
    decoupled = optimizer in ("AdamW", "Adafactor") or h.get("decoupled_weight_decay", False)
    g = g if decoupled else g + decay * p
    flat = g.ndim > 1 and optimizer not in ("Adafactor", "SGD")
    values, gradient = (p.ravel(), g.ravel()) if flat else (p, g)
    step = RULES[optimizer](h, ours["steps"], ours["scalars"], ours["states"], gradient, values).reshape(p.shape)
    return p + step - (h["lr"] * decay * p if decoupled else 0.0)
