"""What a device learns of its own person, and keeps to itself."""
