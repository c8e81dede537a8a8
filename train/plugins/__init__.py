"""Five published systems, each a plug-in over any backbone."""
