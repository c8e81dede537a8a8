"""A list as one text: an opening about the person's taste, and a line for each item."""
