"""What kcode costs in tokens and time: `python -m benchmarks [name ...]`. Times are ratios, measured in one run."""
