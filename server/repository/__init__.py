"""The repository of signed releases: what `pocketrec release` writes, and any web server can serve.

It is a repository of The Update Framework (https://theupdateframework.io). Nothing here depends on HTTP, models or
engines.
"""
