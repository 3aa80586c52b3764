"""Makes the figure of one dataset's image embeddings by class, a panel a pretrained model."""

from lib.feature_store import read_dataset_features
from lib.figure_embeddings import Embedded, draw_embeddings
from lib.figures import save_figure
from lib.heads import read_heads
from lib.progress import start_log
from lib.zeroshot import embed

start_log(snakemake.log[0])
source, models = snakemake.input, []
for model, features, heads in zip(
    snakemake.params.models, source.features, source.heads, strict=True
):
    dataset = read_dataset_features(features)
    head = read_heads(heads)["pretrained"]
    models.append(Embedded(model, embed(dataset.images, head.image_projection)))
# the same images, in the same order, for every model
figure = draw_embeddings(models, dataset.labels, dataset.classes)
save_figure(figure, snakemake.output.png, snakemake.output.pdf)
