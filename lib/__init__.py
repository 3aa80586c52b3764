"""Feature purity of CLIP-style models under caption misalignment: the workflow's library."""

import gc

# Imports make some hundred thousand objects that stay; to look for garbage among them every 700
# takes 15% of the start of a job that uses open_clip.
gc.set_threshold(10_000)
