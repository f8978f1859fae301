"""Coverage-guided fuzzing of what reads bytes from the network, and of the node behind it.

``nox -s fuzz`` runs libFuzzer (through atheris) over each target for a while, from the inputs in ``corpus/``; what
it finds is added there, and from then on runs as an ordinary test. A target is a function of bytes that raises
when a promise is broken.
"""
