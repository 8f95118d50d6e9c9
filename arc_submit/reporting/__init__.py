"""What a run came to: figures, tables and the run report."""
