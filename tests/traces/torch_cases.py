"""Cases of torch's other element-wise rules (Adagrad, Adamax, Adadelta, NAdam, RAdam, Rprop, ASGD), of what optax and pytorch_optimizer add
to them (decoupled decay for Adamax and SGD).
"""

import more_cases


def in_own_precision(run_torch):
    """NAdam's and ASGD's scalar states have torch's default dtype whatever the parameters have: in float32 they would spoil the truth."""

    def run(case, initial, gradients, dtype):
        import torch

        steps = run_torch(case, initial, gradients, dtype)
        for _ in gradients:
            torch.set_default_dtype(torch.float64 if dtype().itemsize == 8 else torch.float32)
            result = next(steps)
            torch.set_default_dtype(torch.float32)
            yield result

    return run


def cases(Case, run_torch, normal, rough, alternating, drifting):
    """The cases, made of what generate.py has."""
    few = {"bias": (7,), "weight": (5, 4)}
    scalar = {"scale": ()}
    gaps = {"bias": [2, 3, 7, 12]}
    own = in_own_precision(run_torch)

    def torchs(name, optimizer, hyper, gradients=normal, shapes=few, steps=12, **more):
        return Case(name, optimizer, hyper, gradients, shapes, steps, run=own, **more)

    def groups(first, second):
        return [{"params": ["weight"], "hyper": first}, {"params": ["bias"], "hyper": second}]

    changed = {"lr": 2e-2, "betas": [0.8, 0.95], "eps": 1e-2, "weight_decay": 0.1}
    adagrad = {"lr": 5e-2, "lr_decay": 0.3, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-2, "maximize": True}
    asgd = {"lr": 5e-2, "lambd": 0.3, "alpha": 0.6, "weight_decay": 0.1}
    return [
        torchs("adagrad-changed", "Adagrad", adagrad),
        torchs("adagrad-rough", "Adagrad", {"lr": 2e-2}, rough),
        torchs("adagrad-gaps", "Adagrad", {"lr_decay": 0.2, "initial_accumulator_value": 0.1}, present={"bias": [1, 3, 7, 12]}),
        torchs("adamax-changed", "Adamax", changed | {"maximize": True}),
        torchs("adamax-rough", "Adamax", {"lr": 1e-2}, rough),
        torchs("adamax-gaps", "Adamax", {"lr": 1e-2, "betas": [0.85, 0.8]}, present=gaps),
        Case("optax-adamax", "adamax", {"learning_rate": 1e-2, "b1": 0.8, "b2": 0.7, "eps": 1e-3}, alternating, few, framework="optax"),
        Case("optax-adamaxw", "adamaxw", {"learning_rate": 1e-2, "weight_decay": 0.3}, normal, few, framework="optax"),
        torchs("adadelta-changed", "Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-2, "weight_decay": 0.1, "maximize": True}),
        torchs("adadelta-rough", "Adadelta", {"eps": 1e-4}, rough),
        torchs("adadelta-groups", "Adadelta", {"eps": 1e-3}, groups=groups({"rho": 0.5}, {"lr": 0.3, "weight_decay": 0.2})),
        Case("optax-adadelta", "adadelta", {"learning_rate": 0.5, "rho": 0.7, "weight_decay": 0.2}, alternating, few, framework="optax"),
        torchs("nadam-changed", "NAdam", changed | {"momentum_decay": 0.5, "maximize": True}),
        torchs("nadam-decoupled", "NAdam", {"lr": 1e-2, "weight_decay": 0.3, "decoupled_weight_decay": True}, alternating),
        torchs("nadam-rough", "NAdam", {"lr": 1e-2}, rough),
        torchs("nadam-gaps", "NAdam", {"lr": 1e-2, "betas": [0.99, 0.97], "momentum_decay": 0.1}, present=gaps),
        torchs("nadam-long", "NAdam", {"lr": 1e-3}, drifting, scalar, 120),
        torchs("radam-changed", "RAdam", changed | {"maximize": True}),
        torchs("radam-decoupled", "RAdam", {"lr": 1e-2, "weight_decay": 0.3, "decoupled_weight_decay": True}, alternating),
        torchs("radam-never-rectified", "RAdam", {"lr": 1e-2, "betas": [0.7, 0.6]}),
        torchs("radam-rough", "RAdam", {"lr": 1e-7}, rough),
        torchs("radam-gaps", "RAdam", {"lr": 1e-2, "betas": [0.9, 0.9]}, present=gaps),
        torchs("radam-long", "RAdam", {"lr": 1e-3}, drifting, scalar, 120),
        torchs("rprop-changed", "Rprop", {"lr": 2e-2, "etas": [0.4, 1.3], "step_sizes": [5e-3, 3e-2], "maximize": True}),
        torchs("rprop-default", "Rprop", {}, alternating),
        torchs("rprop-rough", "Rprop", {"lr": 5e-3}, rough),
        torchs("rprop-gaps", "Rprop", {"etas": [0.7, 1.5]}, present=gaps),
        torchs("asgd-changed", "ASGD", asgd | {"maximize": True}),
        torchs("asgd-averaged", "ASGD", asgd | {"t0": 3.0, "alpha": 0.9}, alternating),
        torchs("asgd-rough", "ASGD", {"lr": 1e-7, "lambd": 1e5}, rough),
        torchs("asgd-gaps", "ASGD", {"lambd": 0.1, "t0": 1.0}, present=gaps),
        torchs("asgd-long", "ASGD", {"lr": 1e-2, "lambd": 0.1, "t0": 50.0}, drifting, scalar, 120),
        Case(
            "sgdw-nesterov",
            "SGDW",
            {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.3},
            normal,
            few,
            framework="pytorch_optimizer",
            run=more_cases.run_pytorch_optimizer,
        ),
        Case(
            "sgdw-dampened",
            "SGDW",
            {"lr": 0.05, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.2},
            alternating,
            few,
            framework="pytorch_optimizer",
            run=more_cases.run_pytorch_optimizer,
        ),
    ]
