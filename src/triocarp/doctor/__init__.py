"""Finds what makes CARP fail in practice, here and on the wire, and says how to mend it: ``carpd doctor``."""
