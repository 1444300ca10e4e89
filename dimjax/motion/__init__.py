"""Motion evidence."""
