"""vLLM as a sampler: its engine in a watched child process, brought to the adapter in training."""
