"""What a coefficient costs and where it may go."""
