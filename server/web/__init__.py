"""The static files of the web demo."""
