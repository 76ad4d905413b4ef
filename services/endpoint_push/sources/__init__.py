"""Where endpoints come from: one module a source."""
