"""Prune hard, then refine gently: schedules, the adaptive, the relaxed and the reweighted lasso, the prior view."""
