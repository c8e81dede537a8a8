"""What is measured of rankings and lists; knows no model."""
