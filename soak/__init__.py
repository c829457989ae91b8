"""The soak: a million spans, with faults, forks and late ends, and every exported root checked. ``python -m soak``.

- `plan`: what the traces look like and what each root must get, decided by a seed alone.
- `pipelines`: the arrangements under test, and what stands behind them and checks.
- `work`: threads, asyncio, subprocesses and forks that run the traces.
- `report`: the figures, as JSON, as a table, and in docs/reliability.md.
"""
