# Purity of projections side by side, models and heads.


rule analyze_purity:
    input:
        checkpoints=get_compared_files,
    output:
        table=report(
            RESULTS / "purity/{comparison}.csv",
            caption="../report/table_purity.rst",
            category="4 Purity of projections",
            labels={"content": "projections compared: {comparison} (table)"},
        ),
        plot=report(
            RESULTS / "purity/{comparison}.png",
            caption="../report/purity_compared.rst",
            category="4 Purity of projections",
            labels={"content": "mean |cos| compared: {comparison} (figure)"},
        ),
        histogram=report(
            RESULTS / "purity/{comparison}_histogram.png",
            caption="../report/purity_histogram.rst",
            category="4 Purity of projections",
            labels={"content": "|cos| of all pairs: {comparison} (figure)"},
        ),
    log:
        LOGS / "analyze_purity/{comparison}.log",
    conda:
        "../../envs/purity.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        brought=get_marks(get_compared_files),
        checkpoints=get_compared_checkpoints,
        code=get_code_hash("analyze_purity.py"),
    message:
        "Compare the purity of projections: {wildcards.comparison}"
    script:
        "../scripts/analyze_purity.py"
