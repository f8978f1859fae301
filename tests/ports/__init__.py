"""One suite for the simulated ports and for those of the kernel."""
