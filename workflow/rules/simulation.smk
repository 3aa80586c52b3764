# Experiment 0: pairs of known making, on which the true purity of neurons can be seen.


rule simulate_features:
    output:
        table=report(
            RESULTS / "tables/simulation.csv",
            caption="../report/table_simulation.rst",
            category="0 Ground truth",
            labels={"content": "purity, accuracy and remedy by p (table)"},
        ),
        purities=RESULTS / "simulation/purities.npz",
    log:
        LOGS / "simulate_features.log",
    benchmark:
        BENCHMARKS / "simulate_features.tsv"
    conda:
        "../../envs/towers.yaml"
    threads: 2
    resources:
        mem_mb=get_growing(8000),
        runtime=get_growing(60),
    params:
        simulation=get_sorted(config["simulation"]),
        code=get_code_hash("simulate_features.py"),
    message:
        "Train encoders on pairs of known making"
    script:
        "../scripts/simulate_features.py"


rule tabulate_ranking:
    input:
        table=RESULTS / "tables/simulation.csv",
    output:
        table=report(
            RESULTS / "tables/ranking.csv",
            caption="../report/table_ranking.rst",
            category="0 Ground truth",
            labels={"content": "rank correlation of |cos| and true purity (table)"},
        ),
    log:
        LOGS / "tabulate_ranking.log",
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=get_code_hash("tabulate_ranking.py"),
    message:
        "Correlate |cos| with true purity"
    script:
        "../scripts/tabulate_ranking.py"


rule plot_simulation:
    input:
        table=RESULTS / "tables/simulation.csv",
        purities=RESULTS / "simulation/purities.npz",
    output:
        png=report(
            RESULTS / "figures/simulation.png",
            caption="../report/simulation.rst",
            category="0 Ground truth",
            labels={"content": "features, |cos|, accuracy and silhouette by p (figure)"},
        ),
        pdf=RESULTS / "figures/simulation.pdf",
    log:
        LOGS / "plot_simulation.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        p=config["simulation"]["p"],
        concepts=config["simulation"]["pairs"]["concepts"],
        code=get_code_hash("plot_simulation.py"),
    message:
        "Plot the simulation"
    script:
        "../scripts/plot_simulation.py"


rule plot_ranking:
    input:
        table=RESULTS / "tables/simulation.csv",
        ranking=RESULTS / "tables/ranking.csv",
    output:
        png=report(
            RESULTS / "figures/ranking.png",
            caption="../report/ranking.rst",
            category="0 Ground truth",
            labels={"content": "true purity by |cos| (figure)"},
        ),
        pdf=RESULTS / "figures/ranking.pdf",
    log:
        LOGS / "plot_ranking.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=get_code_hash("plot_ranking.py"),
    message:
        "Plot true purity against |cos|"
    script:
        "../scripts/plot_ranking.py"
