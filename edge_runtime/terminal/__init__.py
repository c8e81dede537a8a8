"""What a person sees of the device's commands: tables and the interactive session. Holds no logic of recommending."""
