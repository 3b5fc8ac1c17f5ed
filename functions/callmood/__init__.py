"""callmood: call recordings in, the customer's emotion for every spoken segment out."""

__version__ = "0.1.0"
