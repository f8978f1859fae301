"""What touches the kernel, tested where the sentences of the core do not reach."""
