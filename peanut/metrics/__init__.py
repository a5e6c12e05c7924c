"""What is measured of masks and of images."""
