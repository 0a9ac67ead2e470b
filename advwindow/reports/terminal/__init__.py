"""A run on the terminal, as wide as that is and in colours only where they are wanted."""
