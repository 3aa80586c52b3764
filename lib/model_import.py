"""Models from checkpoints of any origin.

Apart from `lib.models`: what it takes to read them leaves alone what was pretrained here.
"""

from pathlib import Path

from lib.checkpoints import load_state_dict
from lib.layouts import from_open_clip, to_open_clip
from lib.models import Model, build_model
from lib.weights import check_weights


def import_model(path: str | Path, architecture: dict, layout: str) -> Model:
    """Build the architecture with the weights of a checkpoint of any origin.

    Nothing is resized or left out: positional embeddings of another length are an error.

    Args:
        layout: the names in the file, "open_clip" or "laclip" (see `lib.layouts`).

    Raises:
        ValueError: the file is no checkpoint, or asks to execute something; or its weights are not
            those of the architecture.
    """
    model = build_model(architecture)
    state = load_state_dict(path)
    check_weights(state, from_open_clip(model.state_dict(), layout), path)
    model.load_state_dict(to_open_clip(state, layout))
    return model
