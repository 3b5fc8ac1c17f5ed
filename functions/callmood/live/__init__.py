"""Answers at once, over HTTP and WebSocket: one application for Cloud Run, Vertex AI and this machine."""
