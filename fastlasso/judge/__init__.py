"""The judge: how far a solution can be from the best. It shares no code with the solver."""

from .certificate import Certificate, support_proof, verify

__all__ = ["Certificate", "support_proof", "verify"]
