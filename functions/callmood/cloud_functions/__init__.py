"""Cloud Functions: parse an event, call a service, answer the request."""
