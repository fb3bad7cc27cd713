"""Results as one JSON object."""

import json
import math

from ..losses.choose import SQUARED_ERROR, as_loss
from ..selection.path_cv import name_of
from .exit_codes import CERTIFIED, exit_code
from .report import label

# The information criteria of a path.
CRITERIA = ("aic", "bic", "ebic")


def print_json(arguments, data, path, pathcv=None, judged=None):
    """Print everything about a path, and a cross-validation of it, as one JSON object."""
    result = {"data": data_facts(arguments, data), "loss": loss_facts(path), "options": path.params,
              "tol": path.tol, "status": path.status,
              "certified": exit_code(path, *(pathcv.fold_paths if pathcv else ())) == CERTIFIED,
              "null_objective": path.null_objective, "seconds": path.seconds,
              "path": [point(path, pathcv, k) for k in range(len(path))]}
    if pathcv is not None:
        result["cv"] = cv_facts(pathcv, arguments.seed)
    if len(path) and path.status != "interrupted":
        result["criteria"] = criteria(path)
    if judged is not None:
        result["judged_gaps"] = judged
    print(json.dumps(plain(result), allow_nan=False))


def cv_facts(pathcv, seed):
    """Return what a cross-validation was and chose."""
    measure = pathcv.measure if isinstance(pathcv.measure, str) else name_of(pathcv.measure)
    return {"measure": measure, "folds": pathcv.errors.shape[1], "seed": seed, "rule": pathcv.rule,
            "alpha_min": pathcv.alpha_min, "alpha_1se": pathcv.alpha_1se, "alpha": pathcv.alpha, "index": pathcv.index}


def criteria(path):
    """Return for each information criterion its values along the path, and which alpha makes it smallest."""
    df = path.effective_df()
    found = {}
    for name in CRITERIA:
        index = path.select(name, df=df)
        found[name] = {"values": path.criterion(name, df=df).tolist(), "index": index, "alpha": path.alphas[index]}
    return {"df": df.tolist(), **found}


def loss_facts(path):
    """Return the loss by name, its parameters, and the classes of a classifier."""
    if path.loss == SQUARED_ERROR:
        return {"name": SQUARED_ERROR}
    loss = as_loss(path.loss)
    classes = {} if path.classes is None else {"classes": path.classes.tolist()}
    return {"name": loss.name, **loss.parameters, **classes}


def data_facts(arguments, data):
    """Return where the data come from, and their shape."""
    n, p = data.X.shape
    return {"file": arguments.data, "target": data.target_name, "n_samples": n, "n_features": p}


def point(path, pathcv, k):
    """Return everything about one alpha; the coefficients are those that are not zero, by name."""
    part = slice(path.coefs.indptr[k], path.coefs.indptr[k + 1])
    coef = {label(path, j): value for j, value in zip(path.coefs.indices[part], path.coefs.data[part], strict=True)}
    facts = {"alpha": path.alphas[k], "n_features": path.df[k],
             "r2" if path.loss == SQUARED_ERROR else "deviance_ratio": path.r2[k], "gap": path.gaps[k],
             "certified": path.certified[k], "n_passes": path.n_passes[k], "intercept": path.intercepts[k]}
    if pathcv is not None:
        facts |= {"cv_error": pathcv.mean_error[k], "cv_standard_error": pathcv.standard_error[k]}
    return facts | {"coef": coef}


def plain(value):
    """Return the value in JSON's own types; numbers that are not finite become null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
