"""Cases of rules that multiply matrices: Muon, Shampoo, SOAP; Shampoo's need `pip install pytorch_optimizer` besides.

They set what no run of `independent/` does. Muon's are torch's, with its products in the parameters' own type instead of bfloat16, optax's with its `"dion"`, and, for
Polar Express, numpy's. Shampoo's are pytorch_optimizer's, and numpy's for `max_dim`. SOAP's are numpy's, with the names of its authors; a state's
numbers in the eigenbasis have arbitrary signs, so of these only the squares are recorded.
"""

import functools
import inspect

import numpy as np

from more_cases import run_pytorch_optimizer
from reduction_cases import over_elements, zeros

# Amsel et al., arXiv 2505.16932, as in microsoft/dion.
POLAR_EXPRESS = [
    (8.15655, -22.48329, 15.87877),
    (4.04293, -2.80892, 0.50002),
    (3.89167, -2.77248, 0.50606),
    (3.28575, -2.36813, 0.46449),
    (2.34654, -1.70978, 0.42324),
]


@functools.cache
def iterate_in_own_type():
    """Has torch's Muon, whose iterations are in bfloat16, do these in the type of the gradient."""
    import torch.optim._muon as module

    source = inspect.getsource(module._zeropower_via_newtonschulz)
    exec(source.replace("torch.bfloat16", "grad.dtype"), module.__dict__)


def in_own_type(run_torch):
    """A run of torch's Muon without bfloat16."""

    def run(*given):
        iterate_in_own_type()
        return run_torch(*given)

    return run


def dion(dion, **hyper):
    """optax has no flag for its coefficients, but a word."""
    import optax

    return optax.contrib.muon(ns_coeffs="dion" if dion else (3.4445, -4.775, 2.0315), **hyper)


def polar(hyper, t, g, p, state):
    g = -g if hyper["maximize"] else g
    b = state["momentum_buffer"] = hyper["momentum"] * state["momentum_buffer"] + (1 - hyper["momentum"]) * g
    u = hyper["momentum"] * b + (1 - hyper["momentum"]) * g
    x = u / (1.02 * np.linalg.norm(u))
    x = x.T if len(x) > x.shape[1] else x
    for a, of_gram, of_square in POLAR_EXPRESS[: hyper["ns_steps"]]:
        gram = x @ x.T
        x = a * x + (of_gram * gram + of_square * gram @ gram) @ x
    x = x.T if x.shape != p.shape else x
    p = p - hyper["lr"] * hyper["weight_decay"] * p
    return p - hyper["lr"] * max(1, p.shape[0] / p.shape[1]) ** 0.5 * x


def products(g, axis):
    """The gradient's products along an axis."""
    rows = np.moveaxis(g, axis, 0).reshape(g.shape[axis], -1)
    return rows @ rows.T


def turned(x, axis, by):
    """An axis multiplied by a matrix."""
    return np.moveaxis(np.tensordot(by, x, (1, axis)), 0, axis)


def shampoo(hyper, t, g, p, state):
    axes = [axis for axis, size in enumerate(p.shape) if size <= hyper["max_dim"]]
    u, totals = g, state.setdefault("totals", {})
    for axis in axes:
        before = totals.get(axis, hyper["matrix_eps"] * np.eye(p.shape[axis], dtype=p.dtype))
        totals[axis] = before + products(g, axis)
        values, vectors = np.linalg.eigh(totals[axis])
        u = turned(u, axis, (vectors * np.maximum(values, hyper["matrix_eps"]) ** (-0.5 / len(axes))) @ vectors.T)
    return p - hyper["lr"] * u


def soap(hyper, t, g, p, state):
    beta1, beta2 = hyper["betas"]
    beta = hyper.get("shampoo_beta", beta2)
    g = -g if hyper.get("maximize") else g
    has = lambda axis: p.shape[axis] <= hyper.get("max_precond_dim", 10000) and (p.ndim > 1 or hyper.get("precondition_1d"))
    axes = [axis for axis in range(p.ndim) if has(axis)]
    totals, bases, means = (state.setdefault(key, {}) for key in ("totals", "bases", "means"))
    for axis in axes if t == 1 else []:
        totals[axis] = (1 - beta) * products(g, axis)
        bases[axis] = np.linalg.eigh(totals[axis])[1][:, ::-1]
    if t == 1:
        return p

    def in_basis(x, back):
        for axis in axes:
            x = turned(x, axis, bases[axis] if back else bases[axis].T)
        return x

    k, r = t - 1, in_basis(g, False)
    m = means["turned"] = beta1 * means.get("turned", 0) + (1 - beta1) * r
    v = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * r * r
    u = in_basis(m / (np.sqrt(v) + hyper["eps"]), True)
    if hyper.get("normalize_grads"):
        u = u / (1e-30 + np.sqrt(np.mean(u * u)))
    size = (1 - beta2**k) ** 0.5 / (1 - beta1**k) if hyper.get("correct_bias", True) else 1
    p = p - hyper["lr"] * size * u
    p = p - hyper["lr"] * hyper["weight_decay"] * p
    for axis in axes:
        totals[axis] = beta * totals[axis] + (1 - beta) * products(g, axis)
    if k % hyper["precondition_frequency"] == 0:
        m = in_basis(m, True)
        for axis in axes:
            of_columns = np.einsum("ij,jk,ki->i", bases[axis].T, totals[axis], bases[axis])
            order = np.argsort(-of_columns)
            state["exp_avg_sq"] = np.take(state["exp_avg_sq"], order, axis)
            bases[axis] = np.linalg.qr(totals[axis] @ bases[axis][:, order])[0]
        means["turned"] = in_basis(m, False)
    return p


def soap_with_products(hyper, t, g, p, state):
    """SOAP whose matrices are recorded."""
    p = soap(hyper, t, g, p, state)
    state |= {f"GG.{axis}": total for axis, total in state["totals"].items()}
    return p


def cases(Case, run_torch, normal, alternating):
    """The cases, made of what generate.py has."""
    MATRICES = {"square": (8, 8), "tall": (15, 5), "wide": (6, 14)}

    def numpys(name, optimizer, run, hyper, shapes, steps=12):
        return Case(name, optimizer, hyper, normal, shapes, steps, framework="numpy", run=run)

    def theirs(name, hyper, gradients):
        return Case(name, "Shampoo", hyper, gradients, {"bias": (7,), "weight": (4, 6)}, framework="pytorch_optimizer", run=run_pytorch_optimizer)

    muon = {"lr": 0.02, "momentum": 0.8, "ns_coefficients": [2.0, -1.5, 0.5], "ns_steps": 2, "eps": 5.0, "weight_decay": 0.2}
    dions = {"learning_rate": 0.01, "beta": 0.8, "dion": True, "adaptive": True}
    polars = {"lr": 0.01, "momentum": 0.8, "weight_decay": 0.2, "polar_express": True, "ns_steps": 4, "maximize": True}
    soaps = {"lr": 0.02, "betas": [0.8, 0.9], "eps": 0.1, "weight_decay": 0.2}
    own = {**soaps, "shampoo_beta": 0.7, "precondition_frequency": 2, "normalize_grads": True, "correct_bias": False, "maximize": True}
    vectors = {**soaps, "precondition_1d": True, "max_precond_dim": 6, "precondition_frequency": 4}
    large = {"lr": 0.1, "matrix_eps": 0.1, "max_dim": 6}
    return [
        Case("muon-changed", "Muon", {**muon, "adjust_lr_fn": "spectral_unclamped"}, normal, MATRICES, 8, run=in_own_type(run_torch)),
        Case("optax-muon-dion", "muon", dions, normal, MATRICES, 8, framework="optax", build=dion),
        numpys("muon-polar-express", "Muon", over_elements(zeros("momentum_buffer"), polar), polars, MATRICES, 8),
        theirs("shampoo-changed", {"lr": 0.1, "matrix_eps": 0.1, "weight_decay": 0.3, "preconditioning_compute_steps": 2, "maximize": True}, normal),
        theirs("shampoo-decoupled", {"lr": 0.1, "matrix_eps": 0.1, "weight_decay": 0.3, "weight_decouple": True}, alternating),
        numpys("shampoo-one-sided", "Shampoo", over_elements(zeros(), shampoo), large, {"bias": (7,), "wide": (4, 9), "small": (5, 6)}),
        numpys("soap-changed", "SOAP", over_elements(zeros("exp_avg_sq"), soap_with_products), own, {"bias": (7,), "square": (6, 6), "cube": (3, 4, 5)}),
        # Two numbers, since the basis of a longer vector is open. Shapes of states depend on `max_precond_dim`, so none are recorded.
        numpys("soap-vectors", "SOAP", over_elements(zeros("exp_avg_sq"), soap), vectors, {"pair": (2,), "wide": (5, 9), "tall": (12, 4)}),
    ]
