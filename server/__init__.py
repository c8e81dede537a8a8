"""The Litestar server: releases and the static files of the web demo."""
