"""The measures: one module each, pure functions from a Lane to a part of the result.

Every module's docstring is the measure's definition; docs/measures.md says the same for readers.
"""
