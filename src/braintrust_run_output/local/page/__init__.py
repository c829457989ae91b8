"""The pages for people: traces, one trace, the dataset, and why a run output is missing."""
