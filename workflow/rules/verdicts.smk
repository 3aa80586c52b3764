# What the study claims, held against what was measured, and what made it.


rule judge_claims:
    input:
        comparison=RESULTS / "tables/clip_vs_laclip.csv",
        pruning=RESULTS / "tables/pruning.csv",
        misalignment=RESULTS / "tables/misalignment.csv",
        misalignment_accuracy=RESULTS / "tables/misalignment_accuracy.csv",
        sensitivity=RESULTS / "tables/sensitivity.csv",
        per_image=expand(
            RESULTS / "evaluations/{model}/pretrained/{dataset}.npz",
            model=MODELS,
            dataset=DATASETS,
        ),
    output:
        table=report(
            RESULTS / "tables/claims.csv",
            caption="../report/table_claims.rst",
            category="0 Claims judged",
            labels={"content": "the study's claims on this data", "form": "table"},
        ),
        page=RESULTS / "report/claims.rst",
    log:
        LOGS / "judge_claims.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        models=list(MODELS),
        datasets=list(DATASETS),
        corpus_kind=config["corpus"]["kind"],
        code=get_code_hash("judge_claims.py"),
    message:
        "Judge the study's claims on this data"
    script:
        "../scripts/judge_claims.py"


rule write_provenance:
    input:
        tables=expand(RESULTS / "tables/{table}.csv", table=TABLES),
        weights=expand(DATA / "models/{model}/weights.safetensors", model=MODELS),
        captions=DATA / f"corpora/{CORPUS}/captions.parquet",
    output:
        manifest=report(
            RESULTS / "provenance.json",
            caption="../report/provenance.rst",
            category="4 Provenance",
            labels={"content": "versions, config, code and inputs", "form": "JSON"},
        ),
    log:
        LOGS / "write_provenance.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        config=lambda wildcards: config,
        code_hashes=get_code_hashes(),
        code=get_code_hash("write_provenance.py"),
    message:
        "Write down what made the results"
    script:
        "../scripts/write_provenance.py"
