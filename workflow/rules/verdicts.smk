# What the study claims, held against what was measured; what made it, and what it took.


rule judge_claims:
    input:
        unpack(get_judged),
    output:
        table=report(
            RESULTS / "tables/claims.csv",
            caption="../report/table_claims.rst",
            category="0 Claims judged",
            labels={"content": "the study's claims on this data (table)"},
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
        heads=HEADS,
        datasets=TESTED,
        replicates=get_run_places(REPLICATES),
        baselines=BASELINES,
        is_drawn=CORPUS_KIND == "glyphs",
        code=get_code_hash("judge_claims.py"),
    message:
        "Judge the study's claims on this data"
    script:
        "../scripts/judge_claims.py"


rule plot_claims:
    input:
        table=RESULTS / "tables/claims.csv",
    output:
        png=report(
            RESULTS / "figures/claims.png",
            caption="../report/claims.rst",
            category="0 Claims judged",
            labels={"content": "verdicts beside the published values (figure)"},
        ),
        pdf=RESULTS / "figures/claims.pdf",
        page=RESULTS / "report/claims_figure.rst",
    log:
        LOGS / "plot_claims.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=get_code_hash("plot_claims.py"),
    message:
        "Plot the verdicts"
    script:
        "../scripts/plot_claims.py"


rule write_provenance:
    input:
        tables=get_tables(),
        weights=expand(DATA / "models/{model}/weights.safetensors", model=MODELS),
        projections=[
            model["checkpoint"] for model in config["models"] if model["name"] not in MODELS
        ],
        captions=get_captions(),
    output:
        manifest=report(
            RESULTS / "provenance.json",
            caption="../report/provenance.rst",
            category="5 Provenance",
            labels={"content": "versions, config, code and inputs (JSON)"},
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


rule tabulate_resources:
    input:
        # all that jobs with a benchmark lead to; the benchmarks are read as they lie there
        manifest=RESULTS / "provenance.json",
        neurons=[RESULTS / "page/neurons.json"] if "page" in config else [],
        finetunes=lambda wildcards: get_finetune_outputs(),
    output:
        table=report(
            RESULTS / "tables/resources.csv",
            caption="../report/table_resources.rst",
            category="5 Provenance",
            labels={"content": "time, memory and GPUs by rule (table)"},
        ),
    log:
        LOGS / "tabulate_resources.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        benchmarks=str(BENCHMARKS),
        asked=get_asked,
        code=get_code_hash("tabulate_resources.py"),
    message:
        "Tabulate what the jobs took"
    script:
        "../scripts/tabulate_resources.py"
