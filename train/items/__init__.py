"""What items are made of: frozen features of their texts, pictures and videos."""
