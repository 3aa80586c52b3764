# Figures, each as PNG and PDF; the style of each stands in a module of lib of its own.


rule plot_gallery:
    input:
        shards=get_shards(),
        captions=DATA / f"corpora/{CORPUS}/captions.parquet",
        permutation=RESULTS / f"permutations/{GALLERY_SWAP}.npy",
    output:
        png=report(
            RESULTS / "figures/gallery.png",
            caption="../report/gallery.rst",
            category="0 Corpus",
            labels={
                "content": "pairs with their captions, rewrites and swapped captions",
                "form": "figure",
            },
        ),
        pdf=RESULTS / "figures/gallery.pdf",
    log:
        LOGS / "plot_gallery.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        cs=SWAPS[GALLERY_SWAP]["cs"],
        strategy=SWAPS[GALLERY_SWAP]["strategy"],
        code=get_code_hash("plot_gallery.py"),
    message:
        "Plot a gallery of the corpus"
    script:
        "../scripts/plot_gallery.py"


rule plot_comparison:
    input:
        table=RESULTS / "tables/clip_vs_laclip.csv",
    output:
        png=report(
            RESULTS / "figures/comparison.png",
            caption="../report/comparison.rst",
            category="1 Models compared",
            labels={"content": "accuracy and silhouette", "form": "figure"},
        ),
        pdf=RESULTS / "figures/comparison.pdf",
    log:
        LOGS / "plot_comparison.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=get_code_hash("plot_comparison.py"),
    message:
        "Plot the pretrained models side by side"
    script:
        "../scripts/plot_comparison.py"


rule plot_embeddings:
    input:
        features=expand(DATA / "features/{model}/datasets/{{dataset}}.safetensors", model=MODELS),
        heads=expand(RESULTS / "heads/{model}/pretrained.safetensors", model=MODELS),
    output:
        png=report(
            RESULTS / "figures/embeddings_{dataset}.png",
            caption="../report/embeddings.rst",
            category="1 Models compared",
            labels={
                "content": "image embeddings by class",
                "dataset": "{dataset}",
                "form": "figure",
            },
        ),
        pdf=RESULTS / "figures/embeddings_{dataset}.pdf",
    log:
        LOGS / "plot_embeddings/{dataset}.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        models=list(MODELS),
        dataset=lambda wildcards: wildcards.dataset,
        code=get_code_hash("plot_embeddings.py"),
    message:
        "Plot the embeddings of {wildcards.dataset}"
    script:
        "../scripts/plot_embeddings.py"


rule plot_pruning:
    input:
        table=RESULTS / "tables/pruning.csv",
    output:
        png=report(
            RESULTS / "figures/pruning_{dataset}.png",
            caption="../report/pruning.rst",
            category="2 Pruning neurons",
            labels={
                "content": "accuracy and silhouette by neurons kept",
                "dataset": "{dataset}",
                "form": "figure",
            },
        ),
        pdf=RESULTS / "figures/pruning_{dataset}.pdf",
    log:
        LOGS / "plot_pruning/{dataset}.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=get_code_hash("plot_pruning.py"),
    message:
        "Plot the pruning sweeps of {wildcards.dataset}"
    script:
        "../scripts/plot_pruning.py"
