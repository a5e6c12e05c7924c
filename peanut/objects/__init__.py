"""Objects in video without weights to fetch: detecting them, keeping their identity, and which pixels are whose."""
