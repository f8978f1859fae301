"""Reads how CARP is configured elsewhere, and writes the same for carpd: ``carpd migrate``."""
