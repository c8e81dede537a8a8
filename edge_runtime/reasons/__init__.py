"""Why an item was recommended: true facts first, then a sentence that says nothing else."""
