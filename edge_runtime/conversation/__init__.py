"""What a person says, as a small typed query that is applied to the list, offline.

A sentence is split into tokens (`tokens`), matched with the words of a language (`words`) and of the catalogue
(`lexicon`), and parsed into a `Query` (`rules`). Turns are composed (`compose`); the result filters the catalogue and
shifts the scores by a bounded amount (`apply`). `talk` puts these together. The rules, and the data in `words/`, are
shared with the browser runtime; both are tested with `tests/golden/conversation`.
"""
