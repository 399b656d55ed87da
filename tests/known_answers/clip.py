"""Gradient clipping by norm, by value and by units of the weights (torch, optax, and timm's formula)."""

import jax
import numpy as np
import optax
import torch

jax.config.update("jax_enable_x64", True)

SHAPES = {"a": (9, 7), "b": (37,), "c": (3, 5, 4)}
WEIGHT_UNITS = {"clipping": 0.01, "eps": 1e-3}


def unit_norm(x):
    """The L2 norm over a unit: a slice of dimension 0, or the whole of a tensor with at most one dimension."""
    return np.sqrt(np.sum(x * x, axis=tuple(range(1, x.ndim)) if x.ndim > 1 else None, keepdims=True))


def units_of_dim_0(gradients, params, clipping, eps):
    """timm's `adaptive_clip_grad`, for weights laid out as torch's are (outputs first), written out in float64. Per unit

        max_norm = clipping * max(|w|, eps)
        g <- g * max_norm / max(|g|, 1e-6)   unless |g| < max_norm
    """

    def clipped(g, w):
        max_norm, norm = clipping * np.maximum(unit_norm(w), eps), unit_norm(g)
        return np.where(norm < max_norm, g, g * (max_norm / np.maximum(norm, 1e-6)))

    return {name: clipped(g, params[name]) for name, g in gradients.items()}


def torchs(clip):
    """Runs one of torch's functions, which change `.grad` in place."""

    def run(gradients, _, **kwargs):
        params = {name: torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for name, g in gradients.items()}
        for name, g in gradients.items():
            params[name].grad = torch.tensor(g)
        norms = clip(params, kwargs)
        return {name: param.grad.numpy() for name, param in params.items()}, norms

    return run


def all_together(params, kwargs):
    kwargs = kwargs | {"norm_type": float(kwargs.get("norm_type", 2.0))}
    return {"norm": torch.nn.utils.clip_grad_norm_(params.values(), **kwargs).item()}


def each_alone(params, kwargs):
    return {f"norm/{name}": torch.nn.utils.clip_grad_norm_([param], **kwargs).item() for name, param in params.items()}


def by_value(params, kwargs):
    torch.nn.utils.clip_grad_value_(params.values(), **kwargs)
    return {}


def optaxs(transformation):
    def run(gradients, params, **kwargs):
        clip = transformation(**kwargs)
        gradients = jax.tree.map(jax.numpy.asarray, gradients)
        clipped, _ = clip.update(gradients, clip.init(params), jax.tree.map(jax.numpy.asarray, params))
        return jax.tree.map(np.asarray, clipped), {}

    return run


def numpys(formula):
    return lambda gradients, params, **kwargs: (formula(gradients, params, **kwargs), {})


RUNS = {
    "torch.nn.utils.clip_grad_norm_": torchs(all_together),
    "torch.nn.utils.clip_grad_norm_ on each tensor alone": torchs(each_alone),
    "torch.nn.utils.clip_grad_value_": torchs(by_value),
    "optax.clip_by_global_norm": optaxs(optax.clip_by_global_norm),
    "optax.adaptive_grad_clip": optaxs(optax.adaptive_grad_clip),
    "timm adaptive_clip_grad": numpys(units_of_dim_0),
}


def case(method, grads, kwargs, only=tuple(SHAPES)):
    return {"method": method, "grads": grads, "tensors": list(only), "kwargs": kwargs}


NORM, ALONE, VALUE, GLOBAL, UNITS, TIMM = RUNS
CASES = {
    "norm": case(NORM, "grad", {"max_norm": 1.0}),
    "norm-above": case(NORM, "grad", {"max_norm": 100.0}),
    "norm-rough": case(NORM, "rough", {"max_norm": 2.5}),
    # Below max_norm, and yet scaled: max_norm / (norm + 1e-6) is below 1.
    "norm-tiny": case(NORM, "tiny", {"max_norm": 1e-12}),
    "norm-zero": case(NORM, "zero", {"max_norm": 1.0}),
    "norm-inf": case(NORM, "grad", {"max_norm": 0.5, "norm_type": "inf"}),
    "norm-inf-above": case(NORM, "grad", {"max_norm": 50.0, "norm_type": "inf"}),
    "norm-inf-rough": case(NORM, "rough", {"max_norm": 0.5, "norm_type": "inf"}),
    "norm-1": case(NORM, "grad", {"max_norm": 3.0, "norm_type": 1.0}),
    "value": case(VALUE, "grad", {"clip_value": 0.1}),
    "value-rough": case(VALUE, "rough", {"clip_value": 0.03}),
    "alone": case(ALONE, "grad", {"max_norm": 1.5}),
    "alone-rough": case(ALONE, "rough", {"max_norm": 0.7}),
    "global": case(GLOBAL, "grad", {"max_norm": 1.0}),
    "global-above": case(GLOBAL, "grad", {"max_norm": 100.0}),
    "global-rough": case(GLOBAL, "rough", {"max_norm": 2.5}),
    "global-tiny": case(GLOBAL, "tiny", {"max_norm": 1e-12}),
    "units-optax": case(UNITS, "grad", WEIGHT_UNITS, ("a", "b")),
    "units-optax-rough": case(UNITS, "rough", {"clipping": 0.3, "eps": 0.02}, ("a", "b")),
    "units-torch": case(TIMM, "grad", WEIGHT_UNITS),
    "units-torch-rough": case(TIMM, "rough", {"clipping": 0.3, "eps": 0.02}),
    "units-torch-tiny": case(TIMM, "tiny", WEIGHT_UNITS),
}


def inputs(rng):
    """Values and gradients in float32. Among a's and c's slices are weights that are zero and gradients that are zero."""

    def normal():
        return {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}

    def powers(low, high):
        return {name: g * 10.0 ** rng.integers(low, high, g.shape, endpoint=True) for name, g in normal().items()}

    params, grads = normal(), normal()
    params["a"][4], params["a"][:, 2], params["c"][2] = 0.0, 0.0, 0.0
    # Slices of other sizes, so that some are clipped and some are not.
    grads["a"] *= 10.0 ** (rng.uniform(-3.0, 0.0, (9, 1)) + np.array([0.0, -3.0, -1.0, 0.0, -2.5, 0.0, -0.5]))
    grads["c"] *= np.array([1.0, 1e-3, 1e-7]).reshape(3, 1, 1)
    grads["a"][6], grads["a"][:, 5] = 0.0, 0.0
    zero = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    sets = {"param": params, "grad": grads, "rough": powers(-18, 15), "tiny": powers(-18, -17), "zero": zero}
    return {name: {key: value.astype(np.float32) for key, value in of.items()} for name, of in sets.items()}


def clip(rng):
    """`clip.safetensors`: gradients before and after."""
    drawn = inputs(rng)
    tensors = {f"{kind}/{name}": value for kind, of in drawn.items() for name, value in of.items()}
    wide = {kind: {name: value.astype(np.float64) for name, value in of.items()} for kind, of in drawn.items()}
    for case_name, of in CASES.items():
        gradients = {name: wide[of["grads"]][name] for name in of["tensors"]}
        clipped, norms = RUNS[of["method"]](gradients, {name: wide["param"][name] for name in gradients}, **of["kwargs"])
        for name, value in clipped.items():
            assert np.isfinite(value).all(), f"{case_name}: {name}"
            tensors[f"{case_name}/clipped/{name}"] = value
        norms = norms or {"norm": np.sqrt(sum(np.sum(g * g) for g in gradients.values()))}
        tensors |= {f"{case_name}/{key}": np.array([norm]) for key, norm in norms.items()}
    return tensors, {"framework": f"torch {torch.__version__}, optax {optax.__version__}, numpy {np.__version__}", "cases": CASES}
