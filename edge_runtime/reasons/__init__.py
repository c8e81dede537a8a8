"""Explanations of recommendations: true facts are selected first, then put into a sentence."""
