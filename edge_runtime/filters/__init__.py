"""Filters of lists by facts: the conditions of ``where``, and live facts such as price and stock."""
