"""Random numbers of which everybody has their own: a stream for each purpose of each entity.

A stream is derived from the seed by name, so that a host, a probe or a rule more does not change what the others
draw. Only `random.Random.random` is drawn from, which Python promises to keep, and only sums, products, quotients,
comparisons and square roots are made of it, which IEEE 754 defines to the last bit: logarithms and sines differ
between C libraries, and a nanosecond of difference is another run.
"""

import hashlib
import random


def stream(seed: int, *name: str) -> random.Random:
    """Return the stream of one purpose of one entity.

    Args:
        seed: of the run.
        name: whose it is and what for, such as ``"host", "a", "counter"``.
    """
    return random.Random(stream_seed(seed, *name))  # noqa: S311 - it must repeat itself


def stream_seed(seed: int, *name: str) -> int:
    """Return the number with which Python's generator gives a stream.

    Args:
        seed: of the run.
        name: whose it is and what for.
    """
    # The lengths keep ("ab", "c") and ("a", "bc") apart.
    path = "".join(f"{len(part)}:{part}" for part in (str(seed), *name))
    return int.from_bytes(hashlib.sha256(path.encode()).digest())


def chance(rng: random.Random, probability: float) -> bool:
    """Return whether something happens; nothing is drawn for what is certain.

    Args:
        rng: a stream.
        probability: 0 to 1.
    """
    return probability > 0 and (probability >= 1 or rng.random() < probability)


def below(rng: random.Random, limit: int) -> int:
    """Return a whole number from 0 to below a limit, each as likely.

    Args:
        rng: a stream.
        limit: 1 to 2**53.
    """
    return int(rng.random() * limit)


def uniform(rng: random.Random, least: int, most: int) -> int:
    """Return a whole number between two, both included.

    Args:
        rng: a stream.
        least: the smaller one.
        most: the larger one.
    """
    return least + below(rng, most - least + 1)


def exponential(rng: random.Random) -> float:
    """Return a number that is exponentially distributed with mean 1.

    Von Neumann's method (Various techniques used in connection with random digits, 1951): it compares, and needs
    no logarithm.

    Args:
        rng: a stream.
    """
    whole = 0
    while True:
        first = last = rng.random()
        falling = True
        while (following := rng.random()) < last:
            last = following
            falling = not falling
        if falling:
            return whole + first
        whole += 1


def normal(rng: random.Random) -> float:
    """Return a number that is distributed nearly normally, with mean 0 and standard deviation 1.

    The sum of twelve uniform ones (Irwin and Hall). It is within 6 of the mean, which no link exceeds either.

    Args:
        rng: a stream.
    """
    total = -6.0
    for _ in range(12):  # not sum(): since CPython 3.12 it rounds in another way
        total += rng.random()
    return total
