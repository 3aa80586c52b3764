"""The frozen towers of a model, which end before its projections."""

import torch
from torch import nn


class Towers(nn.Module):
    """A model whose projections were taken off, in evaluation mode.

    Captions are far shorter than the context that a text tower was made for. Its attention is
    causal: no token sees those behind it, so the padding behind a batch's longest text is left out.
    Features are the same to rounding, for a fraction of the work.

    Images come as bytes, a quarter of what they are as normalised floats: these are made here, of a
    batch at once, on the device that computes.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        weight = next(model.parameters())
        for name in ("mean", "std"):  # of each channel, as `build_model` has noted them
            values = weight.new_tensor(getattr(model.visual, f"image_{name}"))
            self.register_buffer(name, values, persistent=False)
        self.eval().requires_grad_(False)

    def encode_image(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels (n, size, size, 3) uint8, see `get_transform`, to features (n, image width)."""
        return self.model.encode_image(self.normalise(pixels))

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels (n, size, size, 3) uint8 to what the model takes, (n, 3, size, size) float32.

        Equal to torchvision's `ToTensor` and `Normalize`: on the CPU to the bit, on a GPU, which
        divides by 255 in its own way, to the last one. In memory as channels last.
        """
        return pixels.float().div_(255).sub_(self.mean).div_(self.std).permute(0, 3, 1, 2)

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Token ids (n, context length), padded with zeros, to features (n, text width)."""
        text = getattr(self.model, "text", self.model)
        if not _ends_at_its_last_token(text):
            return self.model.encode_text(tokens)
        last = tokens.argmax(dim=1)  # the end of a text has the largest id
        length = int(last.max()) + 1
        embedded = text.token_embedding(tokens[:, :length]) + text.positional_embedding[:length]
        states = text.transformer(embedded, attn_mask=text.attn_mask[:length, :length])
        return text.ln_final(states[torch.arange(len(tokens), device=tokens.device), last])


def _ends_at_its_last_token(text: nn.Module) -> bool:
    """Whether a text tower of open_clip is causal and is read where the text ends."""
    pooled_at = text.pool_type if hasattr(text, "pool_type") else text.text_pool_type
    is_causal = text.attn_mask is not None and getattr(text, "cls_emb", None) is None
    return is_causal and pooled_at == "argmax"
