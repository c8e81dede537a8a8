"""Search over titles and facts. Its twin is the page's `src/runtime/search`; both answer `tests/golden/search.json`.

1. A text becomes words (:mod:`edge_runtime.search.words`).
2. A word of the query matches a word of the catalogue, the best match first: whole; with another ending; as the
   beginning of it, because people see results while they type; and where almost nothing matches, with one typing error
   (:mod:`edge_runtime.search.vocabulary`).
3. An item that matches all words comes before one that misses one; a title counts more than the brand and the
   categories, these more than other facts, a rare word more than a frequent one (:mod:`edge_runtime.search.finder`).
"""
