"""One fixed Hypothesis profile: the same examples at every run, on every machine."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "xentlib",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("xentlib")
