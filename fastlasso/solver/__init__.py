"""One batch of alphas: propose columns, solve on the working set, prove."""
