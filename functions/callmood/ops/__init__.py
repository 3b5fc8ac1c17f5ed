"""Operate a deployment: checks, cost, capacity, and links."""
