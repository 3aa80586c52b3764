"""Checks of a configuration's `simulation` across its keys."""


def check_simulation(simulation: dict) -> list[str]:
    """What is wrong with the section, a sentence each: the key, its value, what is allowed."""
    pairs, training = simulation["pairs"], simulation["training"]
    problems = []
    if 0 not in simulation["p"]:
        problems.append(
            f"simulation.p is {simulation['p']}; allowed: with 0 among them, which is what the "
            "others are held against."
        )
    for key, least in (
        ("dimension", pairs["concepts"]),
        ("test_images", pairs["concepts"] + 1),
        ("pairs", training["batch_size"]),
    ):
        if pairs[key] < least:
            problems.append(
                f"simulation.pairs.{key} is {pairs[key]}; allowed: at least {least} "
                f"(with {pairs['concepts']} concepts and batches of {training['batch_size']})."
            )
    if pairs["active"] > pairs["concepts"]:
        problems.append(
            f"simulation.pairs.active is {pairs['active']}; allowed: at most the "
            f"{pairs['concepts']} concepts."
        )
    return problems
