"""The shared kernel: what all three services stand on, small and closed."""
