# Files that a user must bring: a dry run lists them, a real run stops before its first job.


onstart:
    needed = {str(path) for job in workflow.dag.needrun_jobs() for path in job.input}
    missing = {path: about for path, about in MISSING.items() if path in needed}
    if missing:
        raise WorkflowError(explain_missing(missing))


rule bring_files:
    output:
        files=list(MISSING),
    log:
        LOGS / "bring_files.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    resources:
        mem_mb=100,
        runtime=1,
    params:
        missing=describe_files(MISSING),
        code=get_code_hash("bring_files.py"),
    message:
        "To be brought: {params.missing}"
    script:
        "../scripts/bring_files.py"
