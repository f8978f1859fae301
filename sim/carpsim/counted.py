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


def ordinal(number: int) -> str:
    """Return which one of several it is: "1st", "2nd", "3rd", "4th", "11th".

    Args:
        number: from 1.
    """
    is_teen = number // 10 % 10 == 1
    ending = "th" if is_teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
