"""Feature purity of CLIP-style models under caption misalignment: the workflow's library."""
