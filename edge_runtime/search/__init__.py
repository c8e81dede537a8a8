"""Full-text search over titles and facts, the same as in the browser (`web_demo/src/runtime/search`).

Both implementations are tested with `tests/golden/search.json`.

1. Texts are split into normalized words (:mod:`edge_runtime.search.words`).
2. A query word matches a catalogue word exactly, with another ending, as a prefix (for results while typing) or, if
   there are almost no matches, with one typing error (:mod:`edge_runtime.search.vocabulary`).
3. Items that match all words come before items that miss one. The title has more weight than brand and categories,
   these more than other facts, and rare words more than frequent ones (:mod:`edge_runtime.search.finder`).
"""
