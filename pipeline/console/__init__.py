"""What commands say to the user, and how they end."""
