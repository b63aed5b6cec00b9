"""The fitted models: convergence, accuracy among converged runs, components of variance."""
