"""``pocketrec report``: one HTML file about a bundle, with its software bill of materials and its provenance."""
