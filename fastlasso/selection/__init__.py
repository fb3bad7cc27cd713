"""The choice of alpha: cross-validation, and stability selection."""
