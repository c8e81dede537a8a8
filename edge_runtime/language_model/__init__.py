"""The language model that writes reasons: chooses a sentence in a worker process that an app may lose."""
