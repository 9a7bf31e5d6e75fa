"""What pytest does everywhere: import from this clone, compare figures, run in parallel."""

pytest_plugins = ["tools.parallel", "tools.nbval_figures"]
