"""Convert a trained model to TFLite and check it."""
