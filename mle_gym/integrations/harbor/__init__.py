"""Tasks as folders of the Harbor framework: an image for agents, another one that grades."""
