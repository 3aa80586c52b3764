"""Makes the caption table of a corpus: the pairs that its ledgers give, and their rewrites."""

from lib.corpus import write_captions
from lib.ledger import make_captions, read_ledgers, select_pairs
from lib.lists import check_keys, count_rows, read_keys
from lib.progress import start_log
from lib.rewrites import check_originals, read_rewrites

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
ledger = read_ledgers(source.ledgers)
if source.key_list:
    known = set(ledger["key"].to_pylist())
    check_keys(read_keys(source.key_list), known.__contains__, source.key_list)
rows = select_pairs(ledger, params.pairs, params.validation_pairs)

rewrites = []
if source.rewrites:
    captions = ledger["caption"].to_pylist()
    # of a list, rows may be used in part; rewrites have a line for each
    total = count_rows(source.rewritten, params.has_names) if source.rewritten else len(captions)
    if source.originals:
        check_originals(source.originals, captions, total)
    rewrites = [read_rewrites(path, captions, total, rows) for path in source.rewrites]
write_captions(snakemake.output.captions, make_captions(ledger, rows, params.pairs, rewrites))
