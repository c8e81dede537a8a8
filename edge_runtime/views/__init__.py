"""What the commands of the device show: tables and the interactive session, without recommendation logic."""
