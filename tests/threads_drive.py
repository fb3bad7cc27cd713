"""Eight threads in one fit and a fit each in eight threads, on every layout: what ThreadSanitizer watches."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from layouts import PLAIN, build, exact_matrix, target

from fastlasso import cross_validate_path, fit, fit_path

THREADS = 8


def main():
    tall, wide = exact_matrix(30_000, 40, density=0.3), exact_matrix(200, 6_000, density=0.3)
    for layout in PLAIN:
        for A in (tall, wide):
            X, y = build(layout, A), target(A)
            alone = fit_path(X, y, alphas=5, eps=0.3, n_threads=1)
            many = fit_path(X, y, alphas=5, eps=0.3, n_threads=THREADS)
            assert (alone.values.tobytes(), alone.gaps.tobytes()) == (many.values.tobytes(), many.gaps.tobytes())
            cross_validate_path(X, y, cv=3, alphas=4, eps=0.3, n_threads=THREADS)
            with ThreadPoolExecutor(THREADS) as pool:
                coefs = list(pool.map(lambda _, X=X, y=y: fit(X, y, 0.1, n_threads=2).coef, range(2 * THREADS)))
            assert all(np.array_equal(coef, coefs[0]) for coef in coefs)
    print("the same answers from every thread")


if __name__ == "__main__":
    main()
