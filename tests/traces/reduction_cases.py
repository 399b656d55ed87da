"""Cases of rules that look at a whole tensor (LARS, NovoGrad, Fromage, StableAdamW, CautiousAdamW, MARS), and of LaProp and Grams.

optax records its own. Where the authors' code is one file or a package of torch, `framework` is `numpy`: the formula is written out below, once more and
independently of the rule, and names of hyper-parameters and states are the authors'. Those of `independent/` were recorded by the authors' own code.
"""

import numpy as np


def over_elements(start, formula):
    """A run in numpy: `start` makes a parameter's states, `formula` yields its new value and changes them. Dictionaries among them are not recorded."""

    def run(case, initial, gradients, dtype):
        params = {name: value.astype(dtype) for name, value in initial.items()}
        states = {name: start(value) for name, value in params.items()}
        for t, now in enumerate(gradients, 1):
            for name, p in params.items():
                params[name] = np.asarray(formula(case.hyper, t, now[name].astype(dtype), p, states[name]), dtype)
            arrays = {name: {key: state for key, state in of.items() if not isinstance(state, dict)} for name, of in states.items()}
            recorded = {name: {key: np.array(state, dtype) for key, state in of.items()} for name, of in arrays.items()}
            yield dict(params), recorded

    return run


def zeros(*keys):
    return lambda p: {key: np.zeros_like(p) for key in keys}


def moments(hyper, g, state):
    beta1, beta2 = hyper["betas"]
    state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * g
    state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * g * g
    return state["exp_avg"], state["exp_avg_sq"]


def laprop(hyper, t, g, p, state):
    (beta1, beta2), lr = hyper["betas"], hyper["lr"]
    spread = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * g * g
    if hyper.get("centered"):
        mean = state["exp_mean_avg_beta2"] = beta2 * state["exp_mean_avg_beta2"] + (1 - beta2) * g
        if t > hyper.get("centered_after", 10):
            spread = np.maximum(spread - mean * mean, 0)
    if hyper.get("amsgrad"):
        spread = state["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], spread)
    divided = g / (np.sqrt(spread / (1 - beta2**t)) + hyper["eps"])
    state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * lr * divided
    p = p - state["exp_avg"] / (1 - beta1**t)
    return p - hyper["weight_decay"] * p


def rate(hyper, t):
    (beta1, beta2), lr = hyper["betas"], hyper["lr"]
    return lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t) if hyper.get("correct_bias", True) else lr


def grams(hyper, t, g, p, state):
    m, v = moments(hyper, g, state)
    p = p - hyper["lr"] * hyper["weight_decay"] * p
    return p - rate(hyper, t) * np.sign(g) * np.abs(m) / (np.sqrt(v) + hyper["eps"])


def cautious(hyper, t, g, p, state):
    m, v = moments(hyper, g, state)
    agrees = (m * g > 0).astype(p.dtype)
    p = p - hyper["lr"] * hyper["weight_decay"] * p
    return p - rate(hyper, t) * m * (agrees / max(agrees.mean(), 1e-3)) / (np.sqrt(v) + hyper["eps"])


def cautious_lion(hyper, t, g, p, state):
    beta1, beta2 = hyper["betas"]
    u = np.sign(beta1 * state["exp_avg"] + (1 - beta1) * g)
    agrees = (u * g > 0).astype(p.dtype)
    state["exp_avg"] = beta2 * state["exp_avg"] + (1 - beta2) * g
    p = p - hyper["lr"] * hyper["weight_decay"] * p
    return p - hyper["lr"] * u * (agrees / max(agrees.mean(), 1e-3))


def stable(hyper, t, g, p, state):
    (beta1, beta2), eps = hyper["betas"], hyper["eps"]
    weight1, weight2 = (1 - beta1) / (1 - beta1**t), (1 - beta2) / (1 - beta2**t)
    m = state["exp_avg"] = state["exp_avg"] + weight1 * (g - state["exp_avg"])
    v = state["exp_avg_sq"] = state["exp_avg_sq"] + weight2 * (g * g - state["exp_avg_sq"])
    rms = np.sqrt(np.mean(g * g / np.maximum(v, eps * eps)))
    step = hyper["lr"] / max(1, rms)
    decay = step / hyper["max_lr"] if hyper.get("decouple_lr") else step
    p = p - decay * hyper["weight_decay"] * p
    return p - step * m / (np.sqrt(v) + eps)


def mars(kind):
    """MARS; matrices, of exactly two dimensions, move by corrected gradients."""

    def formula(hyper, t, g, p, state):
        corrects = p.ndim == 2 or hyper.get("optimize_1d", False)
        end = "" if corrects else "_1d"
        beta1 = hyper.get("beta1" + end) or hyper["betas" + end][0]
        c = g
        if corrects:
            c = g + hyper["gamma"] * beta1 / (1 - beta1) * (g - state["last_grad"])
            c = c / max(1, np.sqrt(np.sum(c * c)))
        state["last_grad"] = g
        m = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * c
        u = np.sign(m)
        if kind != "lion" or not corrects:
            beta2 = hyper["betas" + end][1]
            v = state["exp_avg_sq"] = beta2 * state.get("exp_avg_sq", 0) + (1 - beta2) * c * c
            if hyper.get("amsgrad"):
                v = state["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], v)
            u = m / ((np.sqrt(v) / (1 - beta2**t) ** 0.5 + hyper.get("eps", 1e-8)) * (1 - beta1**t))
        return p - hyper["lr" + end] * (hyper["weight_decay" + end] * p + u)

    return formula


def cases(Case, normal, alternating, drifting):
    """The cases, made of what generate.py has."""
    FEW = {"bias": (7,), "weight": (9, 5)}
    MOMENTS = zeros("exp_avg", "exp_avg_sq")

    def numpys(name, optimizer, run, hyper, gradients=normal, shapes=FEW, steps=12):
        return Case(name, optimizer, hyper, gradients, shapes, steps, framework="numpy", run=run)

    def optaxs(name, hyper, gradients=normal):
        return Case(f"optax-{name}-changed", name, hyper, gradients, FEW, framework="optax")

    changed = {"lr": 2e-2, "betas": [0.8, 0.95], "eps": 1e-2, "weight_decay": 0.1}
    larger = {"lr": 2e-2, "betas": [0.8, 0.95], "eps": 0.1, "weight_decay": 0.02}
    own = over_elements(zeros("exp_avg", "exp_avg_sq", "max_exp_avg_sq"), laprop)
    centered = over_elements(zeros("exp_avg", "exp_avg_sq", "exp_mean_avg_beta2"), laprop)
    SHAPES = {"scale": (), "bias": (7,), "weight": (9, 5), "batch": (2, 3, 4)}
    lions = over_elements(zeros("exp_avg"), cautious_lion)
    others = {"lr_1d": 1e-2, "betas_1d": [0.8, 0.9], "weight_decay_1d": 0.3}
    moments_too = over_elements(zeros("exp_avg", "exp_avg_sq", "last_grad", "max_exp_avg_sq"), mars("adamw"))
    lion = {"lr": 1e-2, "weight_decay": 0.1, "gamma": 0.2}

    def of_mars(name, kind, start, hyper, gradients=normal):
        optimizer = {"adamw": "MARS", "lion": "mars-lion"}[kind]
        return numpys(name, optimizer, over_elements(start, mars(kind)), hyper, gradients, SHAPES)

    return [
        of_mars("mars-adamw-changed", "adamw", zeros("exp_avg", "exp_avg_sq", "last_grad"), {**changed, "gamma": 0.2, **others}),
        of_mars("mars-lion-changed", "lion", zeros("exp_avg", "last_grad"), {**lion, "beta1": 0.8, "eps": 0.1, **others}),
        of_mars("mars-lion-all", "lion", zeros("exp_avg", "last_grad"), {**lion, "beta1": 0.7, "optimize_1d": True}),
        numpys("mars-adamw-amsgrad", "MARS", moments_too, {**changed, "gamma": 0.4, "amsgrad": True, "optimize_1d": True}, drifting),
        numpys("cautious-lion-changed", "CautiousLion", lions, {"lr": 1e-2, "betas": [0.7, 0.9], "weight_decay": 0.2}),
        numpys("laprop-amsgrad", "LaProp", own, {**larger, "amsgrad": True}, drifting),
        numpys("laprop-centered", "LaProp", centered, {**larger, "centered": True, "centered_after": 3}),
        numpys("grams-changed", "Grams", over_elements(MOMENTS, grams), {**changed, "correct_bias": False}),
        optaxs("lars", {"learning_rate": 0.5, "weight_decay": 0.1, "trust_coefficient": 0.02, "eps": 1.0, "momentum": 0.8, "nesterov": True}),
        optaxs("novograd", {"learning_rate": 2e-2, "b1": 0.8, "b2": 0.6, "eps": 0.5, "eps_root": 2.0, "weight_decay": 0.1}),
        optaxs("fromage", {"learning_rate": 0.2, "min_norm": 4.0}),
        numpys("stable-adamw-decoupled", "StableAdamW", over_elements(MOMENTS, stable), {**changed, "decouple_lr": True, "max_lr": 0.5}),
        numpys("cautious-adamw-changed", "CautiousAdamW", over_elements(MOMENTS, cautious), {**changed, "correct_bias": False}),
    ]
