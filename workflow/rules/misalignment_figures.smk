# Experiment 3 in figures, each as PNG and PDF; the style of each stands in a module of lib of its own.

# The gallery shows the strongest misalignment of the first strategy.
GALLERY_SWAP = get_swap_name(STRATEGIES[0], max(CS, key=CS.get))


rule plot_gallery:
    input:
        shards=get_shards(),
        captions=CAPTIONS,
        permutation=RESULTS / f"permutations/{GALLERY_SWAP}.npy",
    output:
        png=report(
            RESULTS / "figures/gallery.png",
            caption="../report/gallery.rst",
            category="0 Corpus",
            labels={
                "content": "pairs with their captions, rewrites and swapped captions (figure)"
            },
        ),
        pdf=RESULTS / "figures/gallery.pdf",
    log:
        LOGS / "plot_gallery.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(1000, 1000),
        runtime=get_growing(10),
    params:
        cs=SWAPS[GALLERY_SWAP]["cs"],
        strategy=SWAPS[GALLERY_SWAP]["strategy"],
        code=get_code_hash("plot_gallery.py"),
    message:
        "Plot a gallery of the corpus"
    script:
        "../scripts/plot_gallery.py"


rule plot_purity:
    input:
        table=RESULTS / "tables/misalignment.csv",
    output:
        png=report(
            RESULTS / "figures/purity.png",
            caption="../report/purity.rst",
            category="3 Misaligned captions",
            labels={"content": "mean |cos| by Cs (figure)"},
        ),
        pdf=RESULTS / "figures/purity.pdf",
    log:
        LOGS / "plot_purity.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=get_code_hash("plot_purity.py"),
    message:
        "Plot mean |cos| against Cs"
    script:
        "../scripts/plot_purity.py"


rule plot_histograms:
    input:
        heads=lambda wildcards: get_heads(wildcards.model),
    output:
        png=report(
            RESULTS / "figures/histograms_{model}.png",
            caption="../report/histograms.rst",
            category="3 Misaligned captions",
            labels={"content": "cosines between neurons: {model} (figure)"},
        ),
        pdf=RESULTS / "figures/histograms_{model}.pdf",
    log:
        LOGS / "plot_histograms/{model}.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        heads=HEADS,
        seed=FIRST_SEED,
        code=get_code_hash("plot_histograms.py"),
    message:
        "Plot the cosines between neurons of {wildcards.model}"
    script:
        "../scripts/plot_histograms.py"


rule plot_accuracy:
    input:
        table=RESULTS / "tables/misalignment_accuracy.csv",
    output:
        png=report(
            RESULTS / "figures/accuracy.png",
            caption="../report/accuracy.rst",
            category="3 Misaligned captions",
            labels={"content": "accuracy and silhouette by Cs (figure)"},
        ),
        pdf=RESULTS / "figures/accuracy.pdf",
    log:
        LOGS / "plot_accuracy.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=get_code_hash("plot_accuracy.py"),
    message:
        "Plot accuracy and silhouette against Cs"
    script:
        "../scripts/plot_accuracy.py"


rule plot_sensitivity:
    input:
        table=RESULTS / "tables/sensitivity.csv",
        misalignment=RESULTS / "tables/misalignment.csv",
    output:
        png=report(
            RESULTS / "figures/sensitivity.png",
            caption="../report/sensitivity.rst",
            category="3 Misaligned captions",
            labels={"content": "mean |cos| under other recipes (figure)"},
        ),
        pdf=RESULTS / "figures/sensitivity.pdf",
    log:
        LOGS / "plot_sensitivity.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=get_code_hash("plot_sensitivity.py"),
    message:
        "Plot mean |cos| under other recipes"
    script:
        "../scripts/plot_sensitivity.py"
