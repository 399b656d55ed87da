"""The constants that rules form on the host from their hyper-parameters, in 30 digits of 150, over the whole range of these: constants.tsv.

    python3 tests/known_answers/constants.py > tests/known_answers/constants.tsv

One line a constant: rule, hyper-parameters other than their defaults, the constant's name, its value. `after_12_steps` is none of them, but a value. Needs Python alone.
"""

import math
from decimal import Decimal, getcontext

# Some are differences of numbers that agree in 50 digits.
getcontext().prec = 150

D = Decimal
# Numbers are the doubles that Rust reads, exactly.
BETAS = [0.0, 1e-300, 1e-10, 0.1, 0.3, 0.499999, 0.5, 0.6666666, 0.67, 0.8, 0.9, 0.98, 0.999, 0.9999, 0.99999, 0.999999, 0.9999999, 0.99999999,
         0.999999999, 1 - 1e-12, 1 - 2.0**-53]
INSIDE = BETAS[1:]
LEAST_LN = D(-1000)


def ln(x):
    """ln(x), at least -1000: a power of less is 0."""
    return max(D(x).ln(), LEAST_LN) if x else LEAST_LN


def rest(x):
    return 1 - D(x)


def rho(beta, step):
    power = D(beta) ** step
    return 2 / rest(beta) - 1 - 2 * step * power / (1 - power)


def radam(beta):
    rho_inf = 2 / rest(beta) - 1
    yield "rho_inf", rho_inf
    yield "rho_offset", rho_inf + 2 / ln(beta)
    rectifies = rho_inf > 5
    yield "rectified_from", next(t for t in range(1, 10000) if rho(beta, t) > 5) if rectifies else D(2) ** 128 - D(2) ** 104
    yield "rectification", (rho_inf / ((rho_inf - 4) * (rho_inf - 2))).sqrt() if rectifies else D(0)


def after_12_steps(beta2):
    """Where 1 is, with gradients sin(0.9 k) + 0.05 and the other defaults."""
    p, m, v = D(1), D(0), D(0)
    lr, beta1, eps = D(1e-3), D(0.9), D(1e-8)
    infinite = 2 / rest(beta2) - 1
    for t in range(1, 13):
        g = D(math.sin(0.9 * (t - 1)) + 0.05)
        m = beta1 * m + (1 - beta1) * g
        v = D(beta2) * v + rest(beta2) * g * g
        direction, length = m / (1 - beta1**t), rho(beta2, t)
        if length > 5:
            r = ((length - 4) * (length - 2) * infinite / ((infinite - 4) * (infinite - 2) * length)).sqrt()
            direction *= r * (1 - D(beta2) ** t).sqrt() / (v.sqrt() + eps)
        p -= lr * direction
    return p


def print_all(rule, given, constants):
    parameters = ",".join(f"{name}={value!r}" for name, value in given.items())
    for name, value in constants:
        print(rule, parameters, name, f"{+D(value):.30g}", sep="\t")


def beta(number):
    return [f"beta{number}.rest", f"beta{number}.ln"]


# Which of a rule's hyper-parameters are decays, and what it forms of them: 1 - x, ln(x).
DECAYS = {
    "Adam": {"beta1": beta(1), "beta2": beta(2)},
    "AdamW": {"beta1": beta(1), "beta2": beta(2)},
    "RmsProp": {"alpha": ["rest"]},
    "Adamax": {"beta1": beta(1)},
    "Adadelta": {"rho": ["rest"]},
    "NAdam": {"beta1": ["rest1"], "beta2": beta(2)},
    "RAdam": {"beta1": beta(1), "beta2": beta(2)},
    "Lion": {"beta1": ["rest1"], "beta2": ["rest2"]},
    "Signum": {"momentum": ["rest"]},
    "AdaBelief": {"beta1": beta(1), "beta2": beta(2)},
    "Yogi": {"beta1": beta(1), "beta2": beta(2)},
    "AdEMAMix": {"beta1": beta(1), "beta2": beta(2), "beta3": ["rest3"]},
    "Adan": {f"beta{i}": beta(i) for i in (1, 2, 3)},
    "Adopt": {"beta1": ["rest1"], "beta2": ["rest2"]},
    "MadGrad": {"momentum": ["rest"]},
    "QHAdam": {"beta1": beta(1), "beta2": beta(2), "nu1": ["now1"], "nu2": ["now2"]},
    "ScheduleFreeSgd": {"momentum": ["rest1"]},
    "ScheduleFreeAdamW": {"beta1": ["rest1"], "beta2": beta(2)},
    "Sophia": {"beta1": beta(1), "beta2": ["rest2"]},
    "Lamb": {"beta1": beta(1), "beta2": beta(2)},
    "LaProp": {"beta1": beta(1), "beta2": beta(2)},
    "Grams": {"beta1": beta(1), "beta2": beta(2)},
    "NovoGrad": {"beta2": ["rest2"]},
    "StableAdamW": {"beta1": beta(1), "beta2": beta(2)},
    "CautiousAdamW": {"beta1": beta(1), "beta2": beta(2)},
    "CautiousLion": {"beta1": ["rest1"], "beta2": ["rest2"]},
    "MarsAdamW": {f"beta{i}": beta(i) for i in ("1", "2", "1_1d", "2_1d")},
    "MarsLion": {f"beta{i}": beta(i) for i in ("1", "1_1d", "2_1d")},
    "Prodigy": {"beta1": beta(1), "beta2": beta(2), "beta3": ["rest3"]},
    "DAdaptAdam": {"beta1": beta(1), "beta2": beta(2)},
    "Came": {f"beta{i}": beta(i) for i in (1, 2, 3)},
    "OptaxAdafactor": {"momentum": ["rest"]},
    "AdamMini": {"beta1": beta(1), "beta2": beta(2)},
    "CautiousAdan": {f"beta{i}": beta(i) for i in (1, 2, 3)},
    "Sm3": {"momentum": ["rest"]},
    "Muon": {"momentum": ["momentum.rest", "momentum.ln"]},
    "Soap": {"beta1": beta(1), "beta2": beta(2), "shampoo_beta": ["shampoo_rest"]},
}
for rule, decays in DECAYS.items():
    for parameter, names in decays.items():
        # Prodigy's `beta3` of 0 is the root of `beta2`.
        for beta in INSIDE if rule.startswith("ScheduleFree") or (rule, parameter) == ("Prodigy", "beta3") else BETAS:
            print_all(rule, {parameter: beta}, [(name, ln(beta) if name.endswith(".ln") else rest(beta)) for name in names])

for beta in BETAS:
    print_all("RAdam", {"beta2": beta}, radam(beta))
    print_all("NAdam", {"beta1": beta}, [("half_beta1", D(beta) / 2)])
    print_all("Sgd", {"momentum": 0.5, "dampening": beta}, [("undamped", rest(beta))])
for beta in BETAS:
    print_all("Prodigy", {"beta2": beta}, [("rest3", 1 - D(beta).sqrt())])
    print_all("DAdaptAdam", {"beta2": beta}, [("beta3", D(beta).sqrt()), ("rest3", 1 - D(beta).sqrt())])
for beta in INSIDE:
    print_all("ScheduleFreeSgd", {"momentum": beta}, [("outward", 1 - 1 / D(beta))])
    print_all("ScheduleFreeAdamW", {"beta1": beta}, [("outward", 1 - 1 / D(beta))])
for beta2 in [0.999, 0.9999, 0.99999, 0.999999, 0.9999999, 0.99999999, 0.999999999, 1 - 1e-12, 1 - 2.0**-53]:
    print_all("RAdam", {"beta2": beta2}, [("after_12_steps", after_12_steps(beta2))])
for decay in [0.0, 1e-300, 1e-20, 1e-10, 1e-6, 0.004, 0.5, 20.0, 1e4, 1e5, 1e300]:
    print_all("NAdam", {"momentum_decay": decay}, [("ln_decay", max(D(decay) * D(0.96).ln(), LEAST_LN))])
for warmup in [1e-3, 1.0, 7.0, 1e6, 1e12]:
    for beta1, beta3 in [(0.0, 0.4), (0.1, 0.9999), (0.9, 0.9999), (0.9, 0.9000001), (0.999, 0.999 + 1e-15), (0.9999, 1 - 2.0**-53)]:
        inverse = 1 / D(beta1).ln() if beta1 else D(0)
        print_all("AdEMAMix", {"beta1": beta1, "beta3": beta3, "beta3_warmup": warmup},
                  [("inverse_ln_beta1", inverse), ("slope", (1 / D(beta3).ln() - inverse) / D(warmup))])
    print_all("AdEMAMix", {"alpha": 0.3, "alpha_warmup": warmup}, [("alpha_growth", D(0.3) / D(warmup))])
for gamma in [1e-10, 0.025, 0.3, 7.0]:
    for beta in BETAS[3:]:
        for rule in ["MarsAdamW", "MarsLion"]:
            print_all(rule, {"gamma": gamma, "beta1": beta}, [("correction", D(gamma) * D(beta) / rest(beta))])
for lr, other in [(1e-30, 1e-3), (1e-3, 1e-8), (0.7, 0.1), (1e3, 1e-6), (1e20, 3.0)]:
    print_all("Asgd", {"lr": lr, "lambd": other}, [("lambd_lr", D(lr) * D(other))])
    print_all("MadGrad", {"lr": lr, "eps": other}, [("stable_lr", D(lr) + D(other))])
F32_MAX = D(2) ** 128 - D(2) ** 104
for eps in [1e-300, 1e-38, 1e-30, 1.1920928955078125e-07, 1e-3, 0.7, 1.0, 1e10]:
    print_all("Adafactor", {"eps1": eps}, [("most", min(1 / D(eps), F32_MAX))])
for alpha in [0.0, 1e-30, 0.1, 0.75, 1.0, 3.3, 1e6, 1e30]:
    print_all("Asgd", {"alpha": alpha}, [("exponent", -D(alpha))])
    print_all("Adafactor", {"beta2_decay": -alpha}, [("exponent", -D(alpha))])
    print_all("OptaxAdafactor", {"decay_rate": alpha}, [("exponent", -D(alpha))])
