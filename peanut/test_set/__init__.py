"""What it takes to make a test set: clips chosen and checked, statistics, sheets."""
