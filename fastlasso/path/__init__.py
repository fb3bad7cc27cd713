"""Paths of certified solutions: the alpha grid, the way down it, the results."""
