"""Run the steps from corpora to production."""
