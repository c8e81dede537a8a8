"""Download releases: files are verified before use, downloads resume, and the switch is atomic."""
