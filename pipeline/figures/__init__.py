"""Pictures. Only this folder uses matplotlib."""
