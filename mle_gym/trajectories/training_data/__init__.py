"""Recorded episodes as training data for language models: conversations with calls of tools."""
