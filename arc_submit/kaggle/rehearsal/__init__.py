"""A Kaggle session made on the user's own machine, and the kernel run in it."""
