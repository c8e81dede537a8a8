"""From a full model to a student with product codes."""
