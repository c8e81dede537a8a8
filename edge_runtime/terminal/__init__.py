"""Terminal output of the device's commands: tables and the interactive session, without recommendation logic."""
