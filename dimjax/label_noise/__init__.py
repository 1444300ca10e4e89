"""label_noise."""
