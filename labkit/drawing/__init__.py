"""Figures of the account and of what happened in it, each with a text twin."""
