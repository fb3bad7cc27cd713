"""Effects after selection: the rigorous alpha, the refit, double selection. Standard errors are statsmodels'."""
