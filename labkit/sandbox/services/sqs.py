"""Placeholder until the engine is in place."""
