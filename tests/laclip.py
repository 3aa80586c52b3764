"""LaCLIP's model and files, written plainly: an oracle, and checkpoints with random weights."""

import argparse

import lib.vision_imports  # noqa: F401  (before torchvision, timm and open_clip)

# isort: split
import numpy as np
import timm
import torch
from torch import nn
from torch.nn.functional import layer_norm, linear, normalize

WIDTH, LAYERS, HEADS, CONTEXT, VOCABULARY, DIM = 512, 12, 8, 77, 49408, 512


def build_tower():
    """The image tower of ViT-S/16: 12 heads, queries and keys normalised."""
    return timm.create_model("vit_small_patch16_224", qk_norm=True, num_heads=12, num_classes=0)


def draw_state(seed=0):
    """Random weights of ViT-S/16 under LaCLIP's names, biases and norms too."""
    shapes = {f"visual.{name}": value.shape for name, value in build_tower().state_dict().items()}
    shapes |= {"image_projection": (384, DIM), "text_projection": (WIDTH, DIM)}
    shapes |= {"token_embedding.weight": (VOCABULARY, WIDTH)}
    shapes |= {"positional_embedding": (CONTEXT, WIDTH)}
    shapes |= {"ln_final.weight": (WIDTH,), "ln_final.bias": (WIDTH,)}
    for layer in range(LAYERS):
        block = f"transformer.resblocks.{layer}."
        shapes |= {f"{block}ln_{n}.{kind}": (WIDTH,) for n in (1, 2) for kind in ("weight", "bias")}
        for name, rows, columns in (
            ("attn.in_proj_", 3 * WIDTH, WIDTH),
            ("attn.out_proj.", WIDTH, WIDTH),
            ("mlp.c_fc.", 4 * WIDTH, WIDTH),
            ("mlp.c_proj.", WIDTH, 4 * WIDTH),
        ):
            shapes |= {f"{block}{name}weight": (rows, columns), f"{block}{name}bias": (rows,)}
    generator = torch.Generator().manual_seed(seed)
    state = {name: 0.04 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    for name in state:
        if "norm" in name or ".ln_" in name or name.startswith("ln_"):
            state[name] += name.endswith("weight")
    return state | {"logit_scale": torch.tensor(3.0)}


def write_checkpoint(path, state):
    """A file of LaCLIP's training: its learning rate is NumPy's, its arguments a Namespace."""
    moments = {"step": torch.tensor(5.0), "exp_avg": torch.ones(2), "exp_avg_sq": torch.ones(2)}
    group = {"lr": np.float64(1e-3), "betas": (0.9, 0.98), "weight_decay": 0.1, "params": [0]}
    content = {
        "epoch": 35,
        "state_dict": {f"module.{name}": tensor for name, tensor in state.items()},
        "optimizer": {"state": {0: moments}, "param_groups": [group]},
        "scaler": {"scale": 65536.0, "growth_factor": 2.0},
        "best_acc1": 21.5,
        "args": argparse.Namespace(model="CLIP_VITS16", lr=1e-3, betas=(0.9, 0.98)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)


@torch.inference_mode()
def embed_images(state, pixels):
    """Unit embeddings (n, dim) of images (n, 3, 224, 224)."""
    tower = build_tower().eval()
    tower.load_state_dict(select(state, "visual."))
    return normalize(tower(pixels) @ state["image_projection"], dim=-1)


@torch.inference_mode()
def embed_texts(state, tokens):
    """Unit embeddings (n, dim) of token ids (n, 77)."""
    mask = torch.full((CONTEXT, CONTEXT), -torch.inf).triu(1)
    x = state["token_embedding.weight"][tokens] + state["positional_embedding"]
    for layer in range(LAYERS):
        block = select(state, f"transformer.resblocks.{layer}.")
        attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        attention.load_state_dict(select(block, "attn."))
        y = layer_norm(x, (WIDTH,), block["ln_1.weight"], block["ln_1.bias"])
        x = x + attention(y, y, y, need_weights=False, attn_mask=mask)[0]
        y = layer_norm(x, (WIDTH,), block["ln_2.weight"], block["ln_2.bias"])
        y = linear(y, block["mlp.c_fc.weight"], block["mlp.c_fc.bias"])
        y = y * torch.sigmoid(1.702 * y)
        x = x + linear(y, block["mlp.c_proj.weight"], block["mlp.c_proj.bias"])
    x = layer_norm(x, (WIDTH,), state["ln_final.weight"], state["ln_final.bias"])
    ends = tokens.argmax(dim=1)
    return normalize(x[torch.arange(len(x)), ends] @ state["text_projection"], dim=-1)


def select(state, prefix):
    return {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
