"""Corpora, training, evaluation, and deployment of the emotion model, with the shipped model files."""
