"""Numbers in sentences."""


def counted(number: int, noun: str) -> str:
    """Return how many there are of something: "no probes", "1 probe", "2 probes".

    Args:
        number: how many.
        noun: what, in the singular.
    """
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def times(number: int) -> str:
    """Return how often something happens: "0 times", "once", "2 times".

    Args:
        number: how often.
    """
    return "once" if number == 1 else f"{number} times"
