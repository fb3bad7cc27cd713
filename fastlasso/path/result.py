"""What every result can do, whatever made it: names, tables, coefficients by name, and how it shows itself."""


class Result:
    """A result of one or several fits to the same columns. A subclass says in `_parts` what results it is made of."""

    def _parts(self):
        """Return the results that this one is made of; a result that holds its own names has none."""
        return []

    @property
    def feature_names(self):
        """The names of X's columns where it was a frame, else None. May be assigned: one name per feature."""
        parts = self._parts()
        return parts[0].feature_names if parts else None

    @feature_names.setter
    def feature_names(self, names):
        for part in self._parts():
            part.feature_names = names
