"""Run the steps from corpora to a model in production."""
