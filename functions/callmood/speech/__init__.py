"""Find the segments of speech in one channel."""
