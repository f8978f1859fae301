"""Whether the core's tests notice small changes of it: mutmut makes the mutants, we run a sample of them."""
