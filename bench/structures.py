"""Structured data: X of a few shapes in which columns depend on each other, and easy twins of the same shapes.

Every maker takes a random generator and a shape and returns X; `make` adds the target. The easy twin of a shape has
independent columns, and as many of them matter: what a structure costs is its time over that of its twin.
"""
import numpy as np
import scipy.sparse

TRUE = 10       # columns that matter, and
SNR = 3.0       # standard deviation of the signal over that of the noise


# ---------------------------------------------------------------- easy twins

def easy_dense(rng, n, p):
    """Independent Gaussian columns."""
    return rng.standard_normal((n, p))


def easy_sparse(rng, n, p):
    """Independent sparse columns: about four values in each."""
    return sparse_of(rng, n, p, 4 * p)


# ---------------------------------------------------------------- copies

def copies(rng, n, p):
    """Every column five times."""
    return np.repeat(easy_dense(rng, n, p // 5), 5, axis=1)


def near_copies(digits):
    """Every column five times, equal to so many digits."""
    def maker(rng, n, p):
        return copies(rng, n, p) + 10.0**-digits * easy_dense(rng, n, p)
    return maker


def units(rng, n, p):
    """Every column in two units (metres, feet), stored in single precision."""
    half = np.exp(easy_dense(rng, n, p // 2))
    return np.hstack([half, half / 0.3048]).astype(np.float32).astype(np.float64)


def opposites(rng, n, p):
    """Yes and no, each as a column."""
    yes = (rng.random((n, p // 2)) < rng.uniform(0.1, 0.9, p // 2)).astype(float)
    return np.hstack([yes, 1.0 - yes])


def sums_and_differences(rng, n, p):
    """A tenth of the columns, and sums and differences of pairs of them: the rank is a tenth of p."""
    base = easy_dense(rng, n, p // 10)
    i, j = rng.integers(0, p // 10, (2, p - p // 10))
    return np.hstack([base, base[:, i] + rng.choice([-1.0, 1.0], len(j)) * base[:, j]])


def presence(rng, n, p):
    """Genes that are there or not, inherited in blocks: many columns are equal, others differ in a few rows."""
    ancestors = rng.random((n, p // 10)) < rng.uniform(0.05, 0.95, p // 10)
    found = ancestors[:, rng.integers(0, p // 10, p)]
    lost = rng.random((n, p)) < 0.001
    lost[:, ::2] = False
    return (found ^ lost).astype(float)


# ---------------------------------------------------------------- strong correlation

def common_factor(rng, n, p):
    """Columns that share a factor: correlation .99."""
    return rng.standard_normal((n, 1)) + 0.1 * easy_dense(rng, n, p)


def spectra(rng, n, p):
    """Mixtures of twelve smooth bands with drift, as a spectrometer measures them."""
    at = np.linspace(0.0, 1.0, p)
    bands = [np.exp(-0.5 * ((at - rng.random()) / rng.uniform(0.02, 0.2)) ** 2) for _ in range(12)]
    drift = np.cumsum(easy_dense(rng, n, p), axis=1) / np.sqrt(p)
    return rng.random((n, 12)) @ np.array(bands) + 1e-3 * drift


def genes(rng, n, p):
    """Twenty factors, noise, and scales that differ by orders of magnitude, as expression data have them."""
    return (easy_dense(rng, n, 20) @ easy_dense(rng, 20, p) + easy_dense(rng, n, p)) * np.exp(rng.normal(0, 1.5, p))


def random_walks(rng, n, p):
    """Time series with unit roots."""
    return np.cumsum(easy_dense(rng, n, p), axis=0)


def splines(rng, n, p):
    """Hinges max(z - c, 0) at many knots c of a few variables."""
    z, knots = rng.random((n, 5)), np.linspace(0.0, 0.98, p // 5)
    return np.hstack([np.maximum(z[:, [k]] - knots, 0.0) for k in range(5)])


def steps(rng, n, p):
    """Indicators of z > c at many thresholds c of a few variables."""
    z, share = easy_dense(rng, n, 10), np.linspace(0.01, 0.99, p // 10)
    return np.hstack([z[:, [k]] > np.quantile(z[:, k], share) for k in range(10)]).astype(float)


def blur(rng, n, p):
    """Every row sees a smooth window of the columns: deconvolution."""
    at, seen = np.arange(p) / p, np.sort(rng.random(n))
    return np.exp(-0.5 * ((seen[:, None] - at) * (p / 20.0)) ** 2)


def polynomials(rng, n, p):
    """Products of up to three of a few positive variables, not centred."""
    z = rng.uniform(0.0, 10.0, (n, 25))
    i, j, k = np.sort(rng.integers(0, 26, (3, p)), axis=0)
    z = np.hstack([z, np.ones((n, 1))])
    return z[:, i] * z[:, j] * z[:, k]


def far_means(rng, n, p):
    """Means of a million standard deviations: time stamps."""
    return 1e6 + easy_dense(rng, n, p)


def scales(rng, n, p):
    """Columns whose scales span eight decades."""
    return easy_dense(rng, n, p) * 10.0 ** rng.uniform(-4, 4, p)


# ---------------------------------------------------------------- sparse

def sparse_of(rng, n, p, count):
    """Return `count` values at random places, as CSR."""
    places = rng.integers(n, size=count), rng.integers(p, size=count)
    return scipy.sparse.csr_matrix((rng.standard_normal(count), places), shape=(n, p))


def dense_row(rng, n, p):
    """Four values a column, and one row that is full."""
    X = easy_sparse(rng, n, p).tolil()
    X[0] = rng.standard_normal(p)
    return X.tocsr()


def empty_columns(rng, n, p):
    """Half of the columns hold nothing, a tenth of the others a single value."""
    X = easy_sparse(rng, n, p).tocsc()
    keep = np.where(np.arange(p) % 2, 1.0, 0.0)
    return (X @ scipy.sparse.diags(keep)).tocsr()


def one_hot(rng, n, p):
    """Countries, regions and cities as one-hot columns: every region's column is the sum of its cities'."""
    city = rng.integers(0, (p * 4) // 5, n)
    levels = (city, city // 5, city // 50)
    sizes = (p * 4 // 5, p * 4 // 25, p - p * 4 // 5 - p * 4 // 25)
    parts = [scipy.sparse.csr_matrix((np.ones(n), (np.arange(n), level)), shape=(n, size))
             for level, size in zip(levels, sizes, strict=True)]
    return scipy.sparse.hstack(parts).tocsr()


def words(rng, n, p):
    """Words and pairs of words of the same documents: a pair is there only where both of its words are."""
    single = (scipy.sparse.random(n, p // 2, 0.02, format="csc", random_state=rng) != 0).astype(float)
    i = (p // 2 * rng.random(p - p // 2) ** 2).astype(int)
    return scipy.sparse.hstack([single, single[:, i].multiply(single[:, (i + 1) % (p // 2)])]).tocsr()


def tomography(rng, n, p):
    """Rays through a square of pixels, several pixels wide."""
    side = int(np.sqrt(p))
    y, x = np.divmod(np.arange(side * side), side)
    angle, offset = rng.uniform(0, np.pi, (2, n, 1))
    distance = (x - side / 2) * np.cos(angle) + (y - side / 2) * np.sin(angle) - (offset / np.pi - 0.5) * side
    return scipy.sparse.csr_matrix(np.pad(np.maximum(1.0 - np.abs(distance), 0.0), ((0, 0), (0, p - side * side))))


DENSE = {
    "copies": copies, "near-copies-2": near_copies(2), "near-copies-4": near_copies(4), "near-copies-7": near_copies(7),
    "units": units, "opposites": opposites, "sums": sums_and_differences, "presence": presence,
    "common-factor": common_factor, "spectra": spectra, "genes": genes, "random-walks": random_walks,
    "splines": splines, "steps": steps, "blur": blur, "polynomials": polynomials, "far-means": far_means,
    "scales": scales,
}
SPARSE = {
    "dense-row": dense_row, "empty-columns": empty_columns, "one-hot": one_hot, "words": words,
    "tomography": tomography,
}
EASY = {"easy-dense": easy_dense, "easy-sparse": easy_sparse}
MAKERS = {**DENSE, **SPARSE, **EASY}


def make(case):
    """Return X (dense Fortran order, or CSR) and y of a case: a few columns in their own scale, and noise."""
    rng = np.random.default_rng([case.seed, case.n_samples, case.n_features])
    X = MAKERS[case.kind](rng, case.n_samples, case.n_features)
    X = X if scipy.sparse.issparse(X) else np.asfortranarray(X)
    spread = np.sqrt(np.maximum(_means(X.multiply(X) if scipy.sparse.issparse(X) else X * X) - _means(X) ** 2, 0.0))
    true = rng.choice(np.flatnonzero(spread > 0), TRUE, replace=False)
    signal = X[:, true] @ (rng.choice([-1.0, 1.0], TRUE) / spread[true])
    return X, signal + rng.standard_normal(case.n_samples) * (signal.std() / SNR)


def _means(X):
    return np.asarray(X.mean(axis=0)).ravel()
