"""The symbolic pickle machine: what loading would do, without loading."""
