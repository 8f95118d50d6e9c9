"""Stage 5: submission.json, built, written and validated."""
