"""How a fleet scales, on a control plane of its own: `make bench-scale`."""
