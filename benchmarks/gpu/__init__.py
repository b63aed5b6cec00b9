"""Everything that only a GPU can tell, in sections of their own: see benchmarks/gpu.sh."""
