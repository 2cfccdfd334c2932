"""The one door to matplotlib."""
