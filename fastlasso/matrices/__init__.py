"""What X is stored as: one class for each kind, all with the same verbs (`base.Matrix`)."""
