"""Static files of the web demo."""
