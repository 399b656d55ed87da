"""The cases that optax records: rules that torch has not.

Where optax's function has no keyword for one of our hyper-parameters, the optimizer is built here of optax's own transformations and schedules,
and `hyper` in the trace has our name for it: a decoupled `weight_decay`, Yogi's `initial_accumulator_value`, AdEMAMix's warm-ups.
"""


def decayed(name, first_too=True):
    """optax's function of this name with a decoupled decay; without `first_too` it starts with the second step."""

    def build(learning_rate, weight_decay, **hyper):
        import optax

        function = getattr(optax, name, None) or getattr(optax.contrib, name)
        decay = -learning_rate * weight_decay
        schedule = decay if first_too else lambda count: decay * (count > 0)
        return optax.chain(function(learning_rate, **hyper), optax.add_decayed_weights(schedule))

    return build


def yogi(learning_rate, weight_decay, **hyper):
    import optax

    parts = optax.scale_by_yogi(**hyper), optax.add_decayed_weights(weight_decay), optax.scale_by_learning_rate(learning_rate)
    return optax.chain(*parts)


def ademamix(learning_rate, alpha_warmup, beta3_warmup, b1=0.9, b3=0.9999, alpha=5.0, **hyper):
    """The warm-ups of arXiv 2409.03137; optax counts from 0."""
    import jax.numpy as jnp
    import optax

    def alpha_at(count):
        return jnp.minimum(alpha * (count + 1) / alpha_warmup, alpha)

    def beta3_at(count):
        s = (count + 1) / beta3_warmup
        ln1, ln3 = jnp.log(b1), jnp.log(b3)
        return jnp.where(s < 1, jnp.exp(ln1 * ln3 / ((1 - s) * ln3 + s * ln1)), b3)

    return optax.contrib.ademamix(learning_rate, b1=b1, b3=beta3_at, alpha=alpha_at, **hyper)


def cases(Case, alternating, drifting, rough, TINY):
    def case(name, optimizer, hyper, *args, **kwargs):
        return Case(f"optax-{name}", optimizer, hyper, *args, framework="optax", **kwargs)

    return [
        case("lion-decay", "lion", {"learning_rate": 1e-2, "b1": 0.8, "b2": 0.95, "weight_decay": 0.3}),
        case("lion-rough", "lion", {"learning_rate": 1e-3}, rough),
        case("signum-decay", "signum", {"learning_rate": 2e-2, "beta": 0.7, "weight_decay": 0.3}, build=decayed("signum")),
        case("sign_sgd", "sign_sgd", {"learning_rate": 1e-2}, alternating),
        case(
            "adabelief-decay",
            "adabelief",
            {"learning_rate": 2e-2, "b1": 0.8, "b2": 0.95, "eps": 1e-2, "eps_root": 1e-3, "weight_decay": 0.3},
            build=decayed("adabelief"),
        ),
        case("adabelief-rough", "adabelief", {"learning_rate": 1e-3}, rough),
        case(
            "yogi-decay",
            "yogi",
            {"learning_rate": 2e-2, "b1": 0.8, "b2": 0.95, "eps": 1e-2, "initial_accumulator_value": 0.1, "weight_decay": 0.3},
            build=yogi,
        ),
        case("yogi-rough", "yogi", {"learning_rate": 1e-3}, rough),
        case(
            "ademamix-changed",
            "ademamix",
            {"learning_rate": 2e-2, "b1": 0.8, "b2": 0.95, "b3": 0.99, "alpha": 2.0, "eps": 1e-2, "weight_decay": 0.3},
        ),
        case("ademamix-rough", "ademamix", {"learning_rate": 1e-3, "b3": 0.99}, rough),
        case(
            "ademamix-warm-ups",
            "ademamix",
            {"learning_rate": 1e-2, "b3": 0.995, "alpha": 8.0, "alpha_warmup": 6, "beta3_warmup": 8},
            build=ademamix,
        ),
        case(
            "ademamix-long",
            "ademamix",
            {"learning_rate": 1e-3, "b1": 0.6, "b3": 0.999, "alpha_warmup": 60, "beta3_warmup": 80},
            drifting,
            TINY,
            100,
            build=ademamix,
        ),
        case(
            "adopt-decay",
            "adopt",
            {"learning_rate": 2e-2, "b1": 0.8, "b2": 0.95, "eps": 0.2, "weight_decay": 0.3},
            build=decayed("adopt", first_too=False),
        ),
        case("adopt-unclipped", "adopt", {"learning_rate": 1e-2, "b2": 0.9, "eps": 0.1, "use_clipping": False}),
        case("adopt-rough", "adopt", {"learning_rate": 1e-3}, rough),
        case("adopt-long", "adopt", {"learning_rate": 1e-3, "b2": 0.99}, drifting, TINY, 100),
        case("madgrad-decay", "madgrad", {"learning_rate": 5e-2, "momentum": 0.7, "weight_decay": 0.3, "eps": 1e-2}),
        case("madgrad-without-momentum", "madgrad", {"learning_rate": 2e-2, "momentum": 0.0}, alternating),
        case("madgrad-rough", "madgrad", {"learning_rate": 1e-3}, rough),
    ]
