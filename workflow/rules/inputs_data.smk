# Functions that the rules of corpora and datasets take their inputs and parameters from.


@functools.cache  # thousands of jobs each ask for theirs
def get_shards():
    """The shards of the corpus."""
    corpus = config["corpus"]
    if corpus["kind"] == "shards":
        return expand_shards(corpus["shards"])
    rows = corpus.get("rows", corpus["pairs"] + corpus["validation_pairs"])
    count = -(-rows // corpus["pairs_per_shard"])
    return [DATA / f"corpora/{CORPUS}/shards/{CORPUS}-{shard:05d}.tar" for shard in range(count)]


def get_datasets(*kinds):
    """Names of the datasets of these kinds."""
    return [name for name, dataset in DATASETS.items() if dataset["kind"] in kinds]


@functools.cache
def get_ledgers():
    """What came of every row of the corpus's input, shard by shard."""
    folder = DATA / f"corpora/{CORPUS}/ledgers"
    return [folder / f"{CORPUS}-{shard:05d}.parquet" for shard in range(len(get_shards()))]


def get_chunk_slice(wildcards):
    """The shards of a chunk, whose image features one job extracts, as a slice of all shards."""
    count = config["finetune"]["shards_per_job"]
    return slice(int(wildcards.chunk) * count, (int(wildcards.chunk) + 1) * count)


def get_chunk_shards(wildcards):
    return get_shards()[get_chunk_slice(wildcards)]


def get_chunk_ledgers(wildcards):
    """The ledgers of a chunk's shards; a corpus that is drawn has none."""
    return [] if CORPUS_KIND == "glyphs" else get_ledgers()[get_chunk_slice(wildcards)]


def get_chunk_captions(wildcards):
    """The caption table, which says what of a chunk is a pair.

    A chunk that has the features of every pair that its shards give needs no more, whatever the
    table comes to say: more shards, or more pairs of other shards, leave it as it is.
    """
    origin = DATA / f"features/{wildcards.model}/{CORPUS}/images/{wildcards.chunk}.json"
    is_complete = origin.exists() and read_json(origin)["complete"]
    return ancient(CAPTIONS) if is_complete else CAPTIONS


def get_image_features():
    """The image features of all chunks of the corpus."""
    count = -(-len(get_shards()) // config["finetune"]["shards_per_job"])
    folder = DATA / f"features/{{model}}/{CORPUS}/images"
    return [folder / f"{chunk:05d}.npy" for chunk in range(count)]


def get_first_row(wildcards):
    """The first row of the list that a shard holds."""
    return int(wildcards.shard) * config["corpus"]["pairs_per_shard"]


def get_row_count(wildcards):
    """How many rows of the list a shard holds."""
    corpus = config["corpus"]
    return min(corpus["pairs_per_shard"], corpus["rows"] - get_first_row(wildcards))


def get_brought(*keys):
    """The files that optional keys of the corpus name, if they do: a path or a list of them."""
    value = config["corpus"]
    for key in keys:
        value = value.get(key, {})
    return value or []


def get_probed_archives():
    """The shards of the images that probes are trained on."""
    return [path for name in TRAINED.values() for path in list_archives(name)]


def get_marks(*inputs):
    """Size and time of each brought file among inputs of a rule, which are given as there.

    Snakemake reruns for newer files: it would not see that an older one took a file's place, as
    `mv`, `cp -p` or an unpacked archive have it. Nor does it compare parameters that derive from
    `input`: the inputs are named again.
    """

    def describe(wildcards):
        found = [given(wildcards) if callable(given) else given for given in inputs]
        paths = [
            path
            for given in found
            for path in ([given] if isinstance(given, str | Path) else given)
        ]
        files = {path: os.stat(path) for path in paths if path in BROUGHT and Path(path).is_file()}
        return {path: [file.st_size, int(file.st_mtime)] for path, file in files.items()}

    return describe


def get_rewritten_list():
    """The list that rewrites have a line for each row of, if there are both."""
    corpus = config["corpus"]
    if "rewrites" not in corpus or corpus["kind"] == "shards":
        return []
    return corpus[corpus["kind"]]  # the list stands under the name of the kind


def get_key_limit():
    """How many rows of the list its keys may name; none where there is no list of keys."""
    return config["corpus"]["rows"] if "keys" in config["corpus"] else None


def get_limits():
    """What one URL may cost, as `lib.fetch.Limits` names it."""
    others = {"image_size", "max_pixels"}
    download = config["corpus"]["download"]
    return {key: value for key, value in download.items() if key not in others}


def get_dataset_files(wildcards):
    """Files of prompts that a dataset names, and whatever else of it is still to be brought.

    What lies there already is no input: the time of a folder tells nothing of what is in it.
    """
    dataset = DATASETS[wildcards.dataset]
    texts = [dataset.get(key, "") for key in ("classnames", "templates")]
    brought = list_dataset_files([dataset], REGISTRY)
    return [path for path in brought if path in texts or path in MISSING]


def get_archives(wildcards):
    """The shards of a dataset's images."""
    return list_archives(wildcards.dataset)


def list_archives(name):
    """Shards of images by the dataset's name: those of the user, or the one that is made here."""
    if DATASETS[name]["kind"] == "webdataset":
        return expand_shards(DATASETS[name]["shards"])
    return [str(DATA / f"datasets/{name}/test.tar")]


def get_class_names(datasets):
    """The files of class names of some datasets."""
    return [DATA / f"datasets/{dataset}/classnames.txt" for dataset in datasets]


def get_pair_shards():
    """The shards of the held-out pairs: those of the user, or the one that is drawn here."""
    if PAIRS.get("kind") == "shards":
        return expand_shards(PAIRS["shards"])
    return [DATA / f"pairs/{PAIRS['name']}.tar"] if PAIRS else []


def get_registry_entry(wildcards):
    """What the registry says of a dataset that torchvision reads."""
    dataset = DATASETS[wildcards.dataset]
    if dataset["kind"] != "torchvision":
        return None
    return get_sorted(choose_split(REGISTRY[dataset["dataset"]], "train_of" in dataset))


def get_folder_fingerprint(wildcards):
    """What lies in a folder of images: one more, or another, prepares the dataset anew."""
    folder = DATASETS[wildcards.dataset].get("path")
    return fingerprint(folder) if folder and Path(folder).exists() else None
