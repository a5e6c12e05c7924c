"""PEANUT removes things from video because someone said so."""

__version__ = "0.1.0"
