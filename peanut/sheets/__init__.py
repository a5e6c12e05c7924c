"""Sheets for people: frames of one or several streams as one image, and two streams that blink."""
