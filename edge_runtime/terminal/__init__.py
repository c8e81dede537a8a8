"""Output of all commands on a terminal: console, progress bar, JSON and errors; no text can control the terminal."""
