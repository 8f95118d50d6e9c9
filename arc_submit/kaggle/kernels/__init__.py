"""The kernel folders: the main that Kaggle runs, its metadata, its settings by accelerator."""
