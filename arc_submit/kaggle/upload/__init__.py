"""The way to Kaggle and back, through Kaggle's own command line."""
