"""What builds, runs and checks the course; never shipped with xentlib."""
