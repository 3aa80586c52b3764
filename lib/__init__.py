"""Feature purity of CLIP-style models under caption misalignment: the library behind the workflow."""
