"""What the processor costs, side by side with doing it by hand and with its peers: ``python -m benchmarks``."""
