# The corpus, in the form that every later rule reads.


include: f"corpus_{config['corpus']['kind']}.smk"
