"""The domain: grids, tasks, data sets, symmetries and metrics. Standard library and numpy only."""
