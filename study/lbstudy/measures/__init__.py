"""The measures: one module each, with pure functions from a Lane to a part of the result.

Each module's docstring defines its measure; docs/measures.md says the same for readers.
"""
