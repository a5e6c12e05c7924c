"""Reading and writing video with PyAV: files, pictures, cameras, network streams; masks; shots."""
