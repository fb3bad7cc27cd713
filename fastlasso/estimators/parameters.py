"""Constructor arguments of estimators: kept, checked by a table of rules in scikit-learn's words, described once."""

import re
from inspect import cleandoc
from itertools import groupby
from numbers import Integral, Real
from typing import NamedTuple, TypeVar

import numpy as np


class InvalidParameterError(ValueError, TypeError):
    """A constructor argument outside its domain; ValueError and TypeError both catch it, as in scikit-learn."""


# ---------------------------------------------------------------- rules


class Rule(NamedTuple):
    """What a parameter must be: in scikit-learn's words, and as a test."""

    words: str
    holds: object


def real_in(low, high, words):
    """Return the rule of numbers in [low, high]; NaN breaks it, and infinity where `high` is finite."""
    return Rule(words, lambda value: isinstance(value, Real) and low <= value <= high)


class WordIn:
    """The rule of words that are among `names`, now and whenever names are added to it."""

    def __init__(self, names):
        self.names = names

    @property
    def words(self):
        """What a parameter must be."""
        return f"a str among {{{', '.join(map(repr, self.names))}}}"

    def holds(self, value):
        """Whether `value` is one of the words."""
        return isinstance(value, str) and value in self.names


def word_in(*names):
    """Return the rule of words that are among `names`."""
    return WordIn(names)


def is_array_like(value):
    """Tell whether `value` may be a vector or a matrix; text is not."""
    return not isinstance(value, (str, bytes)) and (hasattr(value, "__len__") or hasattr(value, "__array__"))


def is_cv(value):
    """Tell whether `value` may be a parameter `cv`: a number of folds, a splitter, an iterable of splits, or None."""
    if value is None or isinstance(value, Integral):
        return value is None or value >= 2
    return hasattr(value, "split" if hasattr(value, "get_n_splits") else "__iter__") and not isinstance(value, str)


def is_random_state(value):
    """Tell whether `value` may be a parameter `random_state`."""
    return value is None or isinstance(value, np.random.RandomState) or (
        isinstance(value, Integral) and 0 <= value < 2**32)


SMALLEST, LARGEST = np.nextafter(0.0, 1.0), np.finfo(float).max
IS_BOOL = "an instance of 'bool' or an instance of 'numpy.bool'"
FLAG = Rule(IS_BOOL, lambda value: isinstance(value, (bool, np.bool_)))
NON_NEGATIVE = real_in(0.0, LARGEST, "a float in the range [0.0, inf)")
POSITIVE = real_in(SMALLEST, LARGEST, "a float in the range (0.0, inf)")
REAL = real_in(-LARGEST, LARGEST, "a float in the range (-inf, inf)")
SHARE = real_in(0.0, 1.0, "a float in the range [0.0, 1.0]")
SHARES = Rule(f"{SHARE.words} or an array-like", lambda value: SHARE.holds(value) or is_array_like(value))
COUNT = Rule("an int in the range [1, inf)", lambda value: isinstance(value, Integral) and value >= 1)
ARRAY_OR_NONE = Rule("an array-like or None", lambda value: value is None or is_array_like(value))
AUTO, DEPRECATED = word_in("auto"), word_in("deprecated")
GRAM = Rule(f"{IS_BOOL} or an array-like", lambda value: FLAG.holds(value) or is_array_like(value))

# The rule of each parameter, by its name; an estimator may have others in its `_rules`.
RULES = {
    "alpha": NON_NEGATIVE,
    "alphas": Rule(f"{COUNT.words}, an array-like or None",
                   lambda value: COUNT.holds(value) or ARRAY_OR_NONE.holds(value)),
    "check_input": FLAG,
    "coef_init": ARRAY_OR_NONE,
    "copy_X": FLAG,
    "cv": Rule("an int in the range [2, inf), an object implementing 'split' and 'get_n_splits', an iterable or None",
               is_cv),
    "do_screening": FLAG,
    "eps": POSITIVE,
    "fit_intercept": FLAG,
    "l1_ratio": SHARE,
    "max_iter": COUNT,
    "n_alphas": Rule(f"{COUNT.words} or {DEPRECATED.words}",
                     lambda value: DEPRECATED.holds(value) or COUNT.holds(value)),
    "n_jobs": Rule("an instance of 'int' or None", lambda value: value is None or isinstance(value, Integral)),
    "positive": FLAG,
    "precompute": Rule(f"{AUTO.words}, an array-like or {IS_BOOL}",
                       lambda value: AUTO.holds(value) or GRAM.holds(value)),
    "random_state": Rule(
        "an int in the range [0, 4294967295], an instance of 'numpy.random.mtrand.RandomState' or None",
        is_random_state),
    "return_n_iter": FLAG,
    "rule": word_in("min", "1se"),
    "scoring": Rule("a str, a callable or None",
                    lambda value: value is None or isinstance(value, str) or callable(value)),
    "selection": word_in("cyclic", "random"),
    "standardize": FLAG,
    "tol": NON_NEGATIVE,
    "verbose": Rule(f"an int in the range [0, inf), {IS_BOOL}",
                    lambda value: isinstance(value, (Integral, np.bool_)) and value >= 0),
    "warm_start": FLAG,
    "Xy": ARRAY_OR_NONE,
}


def keep_arguments(arguments):
    """Set the arguments of an `__init__`, its `locals()`, as attributes: all that scikit-learn wants it to do."""
    self = arguments.pop("self")
    for name, value in arguments.items():
        setattr(self, name, value)


def check_parameters(owner, values, special):
    """Raise InvalidParameterError for the first of `values` that breaks its rule.

    The rule is the one in `special`, else the one in RULES. A name without a rule is left to the code that uses it.
    """
    for name, value in values.items():
        rule = special.get(name) or RULES.get(name)
        if rule is not None and not rule.holds(value):
            raise InvalidParameterError(
                f"The {name!r} parameter of {owner} must be {rule.words}. Got {value!r} instead.")


# ---------------------------------------------------------------- descriptions

# An entry of a numpydoc section: names, then what is said of them, or the class that says it.
ENTRY = re.compile(r"^(\w+(?:, \w+)*)(\n    As in `(\w+)`\.\n|(?: : .*)?\n(?:    .*\n)*)", re.M)

# What the docstring of each class says: {name of the class: {name of a parameter or attribute: text}}.
DESCRIBED = {}


Kind = TypeVar("Kind", bound=type)


def described(cls: Kind) -> Kind:
    """Decorate a class: where its docstring has names "As in `Other`.", put in what that of `Other` says of them."""
    own = DESCRIBED[cls.__name__] = {}

    def filled(entry):
        names, text, other = entry[1].split(", "), entry[2], entry[3]
        own.update({name: DESCRIBED[other][name] if other else text for name in names})
        return "".join(", ".join(alike) + said for said, alike in groupby(names, own.get))

    cls.__doc__ = ENTRY.sub(filled, cleandoc(cls.__doc__ or "") + "\n")     # without a docstring under `python -OO`
    return cls
