"""What pytest does everywhere: `import xentlib` from this clone, and figures that are compared."""

pytest_plugins = ["tools.nbval_figures"]
