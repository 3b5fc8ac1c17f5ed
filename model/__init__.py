"""Corpora, training, evaluation and export of the emotion model; the shipped models lie here too."""
