"""Makes the figure of the verdicts, of claims.csv, and its place on the report's first page."""

from pathlib import Path

from lib.claims import read_claims, select_headlines
from lib.claims_page import format_image
from lib.figure_claims import draw_claims
from lib.figures import save_figure
from lib.files import atomic_path
from lib.progress import start_log

start_log(snakemake.log[0])
output = snakemake.output
claims = read_claims(snakemake.input.table)
save_figure(draw_claims(select_headlines(claims), claims), output.png, output.pdf)
with atomic_path(output.page) as temporary:
    temporary.write_text(format_image(Path(output.png).read_bytes()), encoding="utf-8")
