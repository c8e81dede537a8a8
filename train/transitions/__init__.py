"""A ranking without training: which item follows which, weighted by the similarity of texts and pictures."""
