"""What a text tower sees of a caption: when two captions are one to it, and no swap at all."""

import html
import re
from functools import cache

# What open_clip's byte-pair tokeniser takes for one word: texts with the same words have the same
# token ids, and texts with other words have others. L stands for letters, N for numbers.
_TOKEN = r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[{L}]+|[{N}]|[^\s{L}{N}]+"
_ASCII_TOKEN = re.compile(_TOKEN.format(L="a-z", N="0-9"))  # of lower-case text


def token_words(text: str, context_length: int | None = None) -> str:
    """What is left of a caption for open_clip's byte-pair tokeniser, words apart by one space.

    Mended (ftfy), HTML entities resolved, lower-case, cut into the tokeniser's words. Two captions
    have equal token ids if and only if this is equal, as long as they fit into the context length.

    Args:
        context_length: tokens that a text tower sees, its two marks of start and end among them.
            Words that lie behind them for certain, each word being one token or more, are left out.
    """
    if text.isascii() and text.isprintable() and "&" not in text:
        # Printable ASCII has nothing to mend, and is nearly all there is: ftfy takes 100 us a text.
        words = _ASCII_TOKEN.findall(text.lower())
    else:
        import ftfy

        text = html.unescape(html.unescape(ftfy.fix_text(text)))
        words = _token_pattern().findall(" ".join(text.split()).lower())
    return " ".join(words if context_length is None else words[: context_length - 2])


@cache
def _token_pattern():
    import regex  # the standard library's `re` knows no classes of letters and numbers

    return regex.compile(_TOKEN.format(L=r"\p{L}", N=r"\p{N}"), regex.IGNORECASE)
