"""Real-time scoring over HTTP and WebSocket."""
