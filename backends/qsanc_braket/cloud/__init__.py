"""Circuits as tasks that are billed: a journal on disk, tokens that name work, and nothing submitted twice."""
