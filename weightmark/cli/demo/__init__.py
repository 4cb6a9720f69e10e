"""`weightmark demo`: the whole main job as a story that runs the real commands."""
