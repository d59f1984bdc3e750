"""The graders, named after what is handed in."""
