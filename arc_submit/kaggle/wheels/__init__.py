"""The wheels that a kernel installs: arc-submit's own, and what Kaggle's image lacks."""
