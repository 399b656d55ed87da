"""Cases of schedule-free SGD and AdamW, QHAdam, Adan and cautious weight decay; needs `pip install pytorch_optimizer` besides."""

import numpy as np

WEIGHTS = ("beta1_weight", "beta2_weight")


def widen_weights(optimizer):
    """QHAdam makes two of its states in float32 whatever the parameters are, which would spoil the truth: here they are made of this type."""
    for group in optimizer.param_groups:
        optimizer.init_group(group)
    for state in optimizer.state.values():
        state |= {key: state[key].to(state["exp_avg"].dtype) for key in WEIGHTS}


def kept(states):
    """The states to record."""
    return {key: state.numpy().copy() for key, state in states.items() if key not in WEIGHTS}


def run_pytorch_optimizer(case, initial, gradients, dtype):
    """Yields values and states after each step; pytorch_optimizer has torch's interface, but keeps the step count per group. Its Adan
    remembers the first gradient before `maximize` negates it, so that one is given negated gradients instead."""
    import pytorch_optimizer
    import torch

    params = {name: torch.nn.Parameter(torch.tensor(value.astype(dtype))) for name, value in initial.items()}
    hyper = {key: tuple(value) if isinstance(value, list) else value for key, value in case.hyper.items()}
    sign = -1 if case.optimizer == "Adan" and hyper.pop("maximize", False) else 1
    optimizer = getattr(pytorch_optimizer, case.optimizer)(params.values(), **hyper)
    for now in gradients:
        for name, param in params.items():
            param.grad = torch.tensor(sign * now[name].astype(dtype))
        if case.optimizer == "QHAdam":
            widen_weights(optimizer)
        optimizer.step()
        yield (
            {name: param.detach().numpy().copy() for name, param in params.items()},
            {name: kept(optimizer.state[param]) for name, param in params.items()},
        )


def run_numpy(case, initial, gradients, dtype):
    """Yields values and states of AdamW with cautious weight decay (arXiv 2510.12402, in burn's form), which no Python framework
    has in this form: the decay is left out where value and mean of the gradient differ in sign, 0 counting as positive."""
    lr, (beta1, beta2), eps = case.hyper["lr"], case.hyper["betas"], case.hyper.get("eps", 1e-8)
    sign = -1 if case.hyper.get("maximize") else 1
    params = {name: value.astype(dtype) for name, value in initial.items()}
    m = {name: np.zeros_like(value) for name, value in params.items()}
    v = {name: np.zeros_like(value) for name, value in params.items()}
    for t, now in enumerate(gradients, 1):
        for name, p in params.items():
            g = sign * now[name].astype(dtype)
            m[name] = beta1 * m[name] + (1 - beta1) * g
            v[name] = beta2 * v[name] + (1 - beta2) * g * g
            decays = (p >= 0) == (m[name] >= 0)
            p = p - lr * case.hyper["weight_decay"] * p * decays
            params[name] = p - lr / (1 - beta1**t) * m[name] / (np.sqrt(v[name]) / (1 - beta2**t) ** 0.5 + eps)
        yield dict(params), {name: {"exp_avg": m[name], "exp_avg_sq": v[name]} for name in params}


def without_estimates(maximize, **hyper):
    """optax's Sophia whose Hessian is 0: a replay has nobody to estimate it. optax has no `maximize`, so gradients are negated here."""
    import optax

    sophia = optax.contrib.sophia(hessian_diagonal_fn=optax.set_to_zero(), **hyper)
    return optax.chain(optax.scale(-1.0 if maximize else 1.0), sophia)


def cases(Case, normal, alternating, drifting):
    """The cases, made of what generate.py has."""
    FEW = {"bias": (7,), "weight": (9, 5)}

    def theirs(name, optimizer, hyper, gradients=normal, shapes=FEW, steps=12):
        return Case(name, optimizer, hyper, gradients, shapes, steps, framework="pytorch_optimizer", run=run_pytorch_optimizer)

    def numpys(name, optimizer, hyper, gradients=normal):
        return Case(name, optimizer, hyper, gradients, FEW, framework="numpy", run=run_numpy)

    def optaxs(name, optimizer, hyper, build=None):
        return Case(name, optimizer, hyper, normal, FEW, framework="optax", build=build)

    average = {"weight_decay": 0.1, "r": 0.5, "weight_lr_power": 1.5, "warmup_steps": 5}
    changed = {"lr": 2e-2, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.1, "maximize": True}
    cautious = {"lr": 2e-2, "betas": [0.8, 0.95], "weight_decay": 0.5, "cautious_weight_decay": True}
    sophia = {"learning_rate": 2e-2, "b1": 0.8, "eps": 0.5, "clip_threshold": 0.7, "weight_decay": 0.1}
    return [
        theirs("schedule-free-sgd-changed", "ScheduleFreeSGD", {"lr": 0.1, "momentum": 0.8, **average}),
        theirs("schedule-free-sgd-maximize", "ScheduleFreeSGD", {"lr": 0.05, "momentum": 0.3, "maximize": True}, alternating),
        theirs("schedule-free-sgd-long", "ScheduleFreeSGD", {"lr": 0.01}, drifting, {"bias": (7,)}, 120),
        theirs("schedule-free-adamw-changed", "ScheduleFreeAdamW", {**changed, **average}),
        theirs("schedule-free-adamw-default", "ScheduleFreeAdamW", {}, alternating),
        theirs("schedule-free-adamw-long", "ScheduleFreeAdamW", {"lr": 1e-3, "warmup_steps": 50}, drifting, {"bias": (7,)}, 120),
        optaxs("optax-schedule-free-sgd", "schedule_free_sgd", {"learning_rate": 0.1, "b1": 0.8, "warmup_steps": 5}),
        optaxs("optax-schedule-free-adamw", "schedule_free_adamw", {"b1": 0.8, "b2": 0.95, "warmup_steps": 5}),
        optaxs("optax-sophia-without-estimates", "sophia", {**sophia, "maximize": True}, without_estimates),
        theirs("qhadam-changed", "QHAdam", {**changed, "nus": [0.7, 0.9]}),
        theirs("qhadam-decoupled", "QHAdam", {"nus": [0.7, 1.0], "lr": 2e-2, "weight_decay": 0.2, "weight_decouple": True}, alternating),
        theirs("qhadam-long", "QHAdam", {"nus": [0.8, 0.5]}, drifting, {"bias": (7,)}, 120),
        theirs("adan-changed", "Adan", {**changed, "betas": [0.9, 0.8, 0.95]}),
        theirs("adan-no-prox", "Adan", {"lr": 2e-2, "weight_decay": 0.2, "weight_decouple": True}, alternating),
        theirs("adan-long", "Adan", {}, drifting, {"bias": (7,)}, 120),
        numpys("adam-cautious", "Adam", cautious),
        numpys("adamw-cautious", "AdamW", {**cautious, "eps": 1e-4, "maximize": True}, alternating),
    ]
