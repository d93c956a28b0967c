"""From files to who is trained and tested on what: datasets, k-core, split."""
