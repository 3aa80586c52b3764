"""Makes page.html: the study's curves and its neurons, to look into without a network."""

from pathlib import Path

from lib.files import atomic_path
from lib.frames import read_frame
from lib.json_files import read_json
from lib.page import collect, read_texts, render_page
from lib.progress import start_log

start_log(snakemake.log[0])
source = snakemake.input
# a table is there only where the study has its experiment
experiments = ("pruning", "misalignment", "accuracy")
data = collect(
    read_json(source.neurons),
    [Path(path).read_bytes() for path in source.sheets],
    read_frame(source.comparison),
    **{name: read_frame(source[name][0]) if source[name] else None for name in experiments},
)
template, style, *scripts = read_texts([source.template, source.style, *source.scripts])
page = render_page(data, template, style, "".join(scripts))
with atomic_path(snakemake.output.page) as temporary:
    temporary.write_text(page, encoding="utf-8")
