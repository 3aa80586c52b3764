# Experiment 3: captions swapped among similar (or random) ones, and heads fine-tuned on them.


rule find_neighbours:
    input:
        captions=CAPTIONS,
    output:
        neighbours=DATA / f"corpora/{CORPUS}/neighbours.npz",
    log:
        LOGS / "find_neighbours.log",
    benchmark:
        BENCHMARKS / "find_neighbours.tsv"
    priority: 2  # quick, and tells whether captions and TF-IDF settings fit before what is long
    conda:
        "../../envs/arrays.yaml"
    threads: 2
    resources:
        mem_mb=get_growing(4000, 5000),
        runtime=get_growing(60, 20),
    params:
        tfidf=get_sorted(config["misalignment"]["tfidf"]),
        n_neighbours=64,
        context_length=CONTEXT_LENGTH,
        code=get_code_hash("find_neighbours.py"),
    message:
        "Find the TF-IDF neighbours of all captions"
    script:
        "../scripts/find_neighbours.py"


rule swap_captions:
    input:
        captions=CAPTIONS,
        neighbours=DATA / f"corpora/{CORPUS}/neighbours.npz",
    output:
        permutations=[RESULTS / f"permutations/{{swap}}{suffix}.npy" for suffix in SEED_SUFFIXES],
        summaries=[RESULTS / f"permutations/{{swap}}{suffix}.json" for suffix in SEED_SUFFIXES],
        texts=[RESULTS / f"captions/{{swap}}{suffix}.txt" for suffix in SEED_SUFFIXES],
    log:
        LOGS / "swap_captions/{swap}.log",
    benchmark:
        BENCHMARKS / "swap_captions/{swap}.tsv"
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(4000, 5000),
        runtime=get_growing(60, 20),
    params:
        cs=lambda wildcards: SWAPS[wildcards.swap]["cs"],
        strategy=lambda wildcards: SWAPS[wildcards.swap]["strategy"],
        seeds=SEEDS,
        top_k=config["misalignment"]["top_k"],
        code=get_code_hash("swap_captions.py"),
    message:
        "Swap captions: {wildcards.swap}, all seeds"
    script:
        "../scripts/swap_captions.py"


# One pass of the frozen towers over every image and every caption; every fine-tune reuses it.
rule extract_corpus_images:
    input:
        weights=DATA / "models/{model}/weights.safetensors",
        architecture=DATA / "models/{model}/architecture.json",
        shards=get_chunk_shards,
        ledgers=get_chunk_ledgers,
        captions=get_chunk_captions,
    output:
        images=DATA / f"features/{{model}}/{CORPUS}/images/{{chunk}}.npy",
        origin=DATA / f"features/{{model}}/{CORPUS}/images/{{chunk}}.json",
    log:
        LOGS / "extract_corpus_images/{model}/{chunk}.log",
    benchmark:
        BENCHMARKS / "extract_corpus_images/{model}/{chunk}.tsv"
    priority: 1  # long, and much waits for it
    conda:
        "../../envs/towers.yaml"
    threads: get_decoders()
    resources:
        mem_mb=get_growing(3000),
        runtime=get_growing(120),
        gpu=get_gpus,
    params:
        first_shard=lambda wildcards: get_chunk_slice(wildcards).start,
        views=config["finetune"]["views"],
        # a single view is no random crop
        crop_scale=config["finetune"]["crop_scale"] if config["finetune"]["views"] > 1 else None,
        batch_size=config["evaluation"]["batch_size"],
        precision=config["evaluation"]["precision"],
        storage=config["evaluation"].get("storage", "float32"),
        device=config["device"],
        code=get_code_hash("extract_corpus_images.py"),
    message:
        "Extract {wildcards.model}'s features of the corpus's images, chunk {wildcards.chunk}"
    script:
        "../scripts/extract_corpus_images.py"


rule extract_corpus_texts:
    input:
        weights=DATA / "models/{model}/weights.safetensors",
        architecture=DATA / "models/{model}/architecture.json",
        captions=CAPTIONS,
    output:
        texts=DATA / f"features/{{model}}/{CORPUS}/texts.npy",
        origin=DATA / f"features/{{model}}/{CORPUS}/texts.json",
    log:
        LOGS / "extract_corpus_texts/{model}.log",
    benchmark:
        BENCHMARKS / "extract_corpus_texts/{model}.tsv"
    priority: 1  # long, and much waits for it
    conda:
        "../../envs/towers.yaml"
    threads: 1
    resources:
        mem_mb=get_growing(3000, 5000),
        runtime=get_growing(120),
        gpu=get_gpus,
    params:
        batch_size=config["evaluation"]["batch_size"],
        precision=config["evaluation"]["precision"],
        storage=config["evaluation"].get("storage", "float32"),
        device=config["device"],
        code=get_code_hash("extract_corpus_texts.py"),
    message:
        "Extract {wildcards.model}'s features of the corpus's captions"
    script:
        "../scripts/extract_corpus_texts.py"


rule finetune_heads:
    input:
        head=RESULTS / "heads/{model}/pretrained.safetensors",
        captions=CAPTIONS,
        images=get_image_features(),
        texts=DATA / f"features/{{model}}/{CORPUS}/texts.npy",
        permutations=get_permutations,
        validation=get_validation,
    output:
        heads=RESULTS / "heads/{model}/{condition}.safetensors",
        sensitivity=RESULTS / "heads/{model}/sensitivity/{condition}.safetensors",
        epochs=DATA / "heads/{model}/epochs/{condition}.safetensors",
        # Of all seeds: a file that only some settings have would hide from Snakemake that the others
        # changed, wherever it was not asked for.
        histories=RESULTS / "finetune/{model}/{condition}/histories.json",
    log:
        LOGS / "finetune_heads/{model}/{condition}.log",
    benchmark:
        BENCHMARKS / "finetune_heads/{model}/{condition}.tsv"
    priority: 1  # long, and much waits for it
    conda:
        "../../envs/towers.yaml"
    threads: get_processes("finetune")
    resources:
        mem_mb=get_growing(4000, 14000, stage="finetune"),
        runtime=get_growing(120),
        gpu=get_gpus_of("finetune"),
        processes=get_processes("finetune"),
    params:
        recipes=get_recipes(FINETUNE_KEYS),
        context_length=CONTEXT_LENGTH,
        seeds=SEEDS,
        shards_per_job=config["finetune"]["shards_per_job"],
        device=config["device"],
        states=lambda wildcards: str(
            DATA / f"states/finetune_heads/{wildcards.model}/{wildcards.condition}"
        ),
        code=get_code_hash("finetune_heads.py"),
    message:
        "Fine-tune the heads of {wildcards.model} on {wildcards.condition}, all seeds"
    script:
        "../scripts/finetune_heads.py"
