"""Stage 4: from candidates to two attempts per test input."""
