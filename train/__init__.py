"""Learning on the server: data, models, distillation, the reason writer."""
